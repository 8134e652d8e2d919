package update

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Disk is where executables are. An error satisfies errors.Is with
// fs.ErrNotExist where that applies.
type Disk interface {
	// Create makes an executable file anew, empty.
	Create(path string) (File, error)
	// Open opens a file to read.
	Open(path string) (io.ReadCloser, error)
	// Keep makes a file have a second name, or a copy of that name, over one
	// that is there.
	Keep(path, name string) error
	// Replace renames from over to in one step, which is on the disk when it
	// returns: who looks finds the one or the other there, always.
	Replace(from, to string) error
	// Remove deletes a file.
	Remove(path string) error
}

// File is an executable that is being written.
type File interface {
	io.WriteCloser
	// Sync returns when what was written is on the disk, its name included.
	Sync() error
}

// executable is the mode of an installed guestd.
const executable = 0o755

// LocalDisk is that of the machine this process runs on.
func LocalDisk() Disk { return localDisk{} }

type localDisk struct{}

type localFile struct{ *os.File }

// Sync implements File.
func (f localFile) Sync() error {
	return errors.Join(f.File.Sync(), syncDir(filepath.Dir(f.Name())))
}

// Create implements Disk. A link that somebody put there is not followed.
func (localDisk) Create(path string) (File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, executable)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(executable); err != nil { // whatever the umask is
		return nil, errors.Join(err, f.Close())
	}
	return localFile{f}, nil
}

// Open implements Disk.
func (localDisk) Open(path string) (io.ReadCloser, error) { return os.Open(path) }

// Remove implements Disk.
func (localDisk) Remove(path string) error { return os.Remove(path) }

// Replace implements Disk.
func (localDisk) Replace(from, to string) error {
	if err := replace(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}
