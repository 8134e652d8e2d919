package guardian

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

// claim renames a file and returns when that is on the disk
// (MOVEFILE_WRITE_THROUGH, MoveFileExW in the Windows API reference). A file
// that somebody reads at that moment, as a virus scanner does, cannot be
// renamed, and the system gives no notice of when it can.
func claim(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	const tries, pause = 100, 50 * time.Millisecond
	for range tries {
		err = windows.MoveFileEx(f, t, windows.MOVEFILE_WRITE_THROUGH)
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			break
		}
		time.Sleep(pause)
	}
	if err != nil {
		return fmt.Errorf("rename %s: %w", from, err)
	}
	return nil
}
