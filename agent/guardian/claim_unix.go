//go:build unix

package guardian

import (
	"os"
	"path/filepath"
)

// claim renames a file, which rename(2) does as one step, and makes that
// durable.
func claim(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	err = dir.Sync()
	if e := dir.Close(); err == nil {
		err = e
	}
	return err
}
