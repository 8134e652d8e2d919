package guest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile writes data beside path and renames it over path, each step
// made durable before the next: the file's bytes before the rename, the
// rename before the return.
func replaceFile(path string, data []byte, mode fs.FileMode) (err error) {
	target, err := followed(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(target)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(target)+".guestd-*")
	if err != nil {
		return cause(err)
	}
	open := true
	defer func() {
		err = cause(err)
		if err != nil {
			if open {
				_ = temp.Close()
			}
			_ = os.Remove(temp.Name())
		}
	}()
	if _, err := temp.Write(data); err != nil {
		return err
	}
	if err := setPermissions(temp, target, mode); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	open = false
	if err := temp.Close(); err != nil {
		return err
	}
	if err := rename(temp.Name(), target); err != nil {
		return err
	}
	return syncDir(dir)
}

// cause is an error without the name of the temporary file, which is another
// each time: it would make the same fault look like a new one.
func cause(err error) error {
	var of *fs.PathError
	var ofTwo *os.LinkError
	switch {
	case errors.As(err, &of):
		return explained(of.Err)
	case errors.As(err, &ofTwo):
		return explained(ofTwo.Err)
	}
	return err
}

// followed is the file that a symbolic link at path finally names, which need
// not exist, or path itself.
func followed(path string) (string, error) {
	for range 40 { // as many links as Linux follows, path_resolution(7)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", errors.New("too many symbolic links")
}
