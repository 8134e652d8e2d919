//go:build unix

package daemon

import (
	"fmt"
	"os"
)

// makePrivate makes a folder that only root can look into, also of one that
// was there. That it cannot be changed, on a read-only disk, is a warning.
func makePrivate(dir string) (warning, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil, nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("keep %s from other users: %w", dir, err), nil
	}
	return nil, nil
}
