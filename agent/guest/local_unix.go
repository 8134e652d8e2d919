//go:build unix

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func rootDir() string { return "/" }

func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// explained tells what a bare error of the system leaves out: without inodes a
// disk that has space is full, too.
func explained(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w (space or inodes: df, df -i)", err)
	}
	return err
}

// setPermissions gives the new file its mode and the owner of the one it
// replaces. Only root can give a file away; for others it stays theirs.
func setPermissions(f *os.File, replaces string, mode fs.FileMode) error {
	if info, err := os.Stat(replaces); err == nil && os.Geteuid() == 0 {
		if old, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := f.Chown(int(old.Uid), int(old.Gid)); err != nil {
				return err
			}
		}
	}
	return f.Chmod(mode)
}
