//go:build unix

package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// candidate is false for what editors and unfinished copies leave behind.
func candidate(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~")
}

// runnable says why a file must not be run as root, or nil.
func runnable(path string, file fs.FileInfo) error {
	switch {
	case file.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link; put the program itself here")
	case !file.Mode().IsRegular():
		return errors.New("it is not a file")
	case file.Mode()&0o111 == 0:
		return fmt.Errorf("it is not executable; run: chmod 755 %s", path)
	}
	return owned(path, file)
}

// guarded says why others could put files into a directory, or nil. Whoever
// can rename a parent can, too; a sticky one is safe from that.
func guarded(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if first || info.Mode()&fs.ModeSticky == 0 {
			if err := owned(dir, info); err != nil {
				return err
			}
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil
		}
		dir = up
	}
}

// owned says why somebody besides root and the agent's own user can write, or nil.
func owned(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s is unknown", path)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d and not to root; run: chown root %s", path, st.Uid, path)
	}
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("%s can be written by others than its owner (mode %04o); run: chmod go-w %s", path, perm, path)
	}
	return nil
}
