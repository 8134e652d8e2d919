package guest

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// rootDir is where commands run: on the system drive, and not in a directory
// that could then not be removed.
func rootDir() string {
	if d := os.Getenv("SystemDrive"); d != "" {
		return d + `\`
	}
	return `C:\`
}

// rename replaces to in one step and returns when the move is on the disk
// (MOVEFILE_WRITE_THROUGH, MoveFileExW in the Windows API reference).
func rename(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// syncDir has nothing to do: rename writes through, and a directory cannot be
// flushed by itself.
func syncDir(string) error { return nil }

// explained has nothing to add.
func explained(err error) error { return err }

// setPermissions leaves the access list inherited from the directory in force;
// only the read-only bit of mode has a meaning here, and a rename could not
// replace a read-only file.
func setPermissions(*os.File, string, fs.FileMode) error { return nil }
