//go:build linux

// Package appears waits for files to appear in a folder of the Linux beneath
// the Windows lookalike, by the kernel's notice instead of by looking again
// and again.
package appears

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Watch tells when files come into a folder.
type Watch struct {
	file *os.File
}

// New watches dir from now on. Look at the folder after it returns and before
// the first Next: what was there already is not told.
func New(dir string) (*Watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	// Being non-blocking, it can be closed under a read.
	return &Watch{file: os.NewFile(uintptr(fd), "inotify")}, nil
}

// Next returns when something has come since the last call, or when the watch
// is closed.
func (w *Watch) Next() error {
	var events [4096]byte
	_, err := w.file.Read(events[:])
	return err
}

// Close ends the watch and a Next that waits.
func (w *Watch) Close() error { return w.file.Close() }
