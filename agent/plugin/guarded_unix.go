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

// runnable says why a file must not be run as root, or nil. A second name of
// the file may lie where others decide what becomes of it, and a set-ID bit
// shows that it was made for others to run.
func runnable(path string, file fs.FileInfo) error {
	switch {
	case file.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link; put the program itself here")
	case !file.Mode().IsRegular():
		return errors.New("it is not a file")
	case file.Mode()&0o111 == 0:
		return fmt.Errorf("it is not executable; run: chmod 755 %s", path)
	case file.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return fmt.Errorf("it has a set-user-ID or set-group-ID bit; run: chmod ug-s %s", path)
	}
	if st, ok := file.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return fmt.Errorf("the file has %d names (hard links); put a copy here", st.Nlink)
	}
	return owned(path, file)
}

// mostLinks is how many symbolic links a path may lead through, as in Linux
// (path_resolution(7)).
const mostLinks = 40

// guarded says why others could put files into a directory, or nil. Whoever
// can write to a directory on the way can put another in its place, so that
// each is looked at, those that symbolic links lead through too. In a sticky
// one only the owner of a file can do that.
func guarded(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	at, left, links := "/", components(dir), 0
	for {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; links > mostLinks {
				return fmt.Errorf("%s leads through more than %d symbolic links", dir, mostLinks)
			}
			to, err := followed(at, info)
			if err != nil {
				return err
			}
			at, left = "/", append(components(to), left...)
			continue
		}
		if len(left) == 0 || info.Mode()&fs.ModeSticky == 0 {
			err = owned(at, info)
		} else {
			err = ownedBy(at, info)
		}
		if err != nil || len(left) == 0 {
			return err
		}
		at, left = filepath.Join(at, left[0]), left[1:] // ".." of no link: at leads through none
	}
}

// followed is where a symbolic link leads that only root could have made.
func followed(link string, info fs.FileInfo) (string, error) {
	if err := ownedBy(link, info); err != nil {
		return "", err
	}
	to, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(to) {
		to = filepath.Dir(link) + "/" + to
	}
	return to, nil
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// owned says why somebody besides root and the agent's own user can write, or
// nil. An access list that lets more users write shows in the mode as a group
// that may (acl(5)).
func owned(path string, info fs.FileInfo) error {
	if err := ownedBy(path, info); err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("%s can be written by others than its owner (mode %04o); run: chmod go-w %s", path, perm, path)
	}
	return nil
}

// ownedBy says why somebody besides root and the agent's own user has a file.
func ownedBy(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s is unknown", path)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d and not to root; run: chown -h root %s", path, st.Uid, path)
	}
	return nil
}
