package platform

import (
	"errors"
	"fmt"
	"os"
)

var errHeld = errors.New("another platform is running on this folder")

// lock keeps a second platform off the folder; closing the file gives it free,
// and so does the end of the process, however it comes.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the platform's folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
