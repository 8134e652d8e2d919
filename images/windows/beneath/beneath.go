// Package beneath leaves requests for the Linux beneath the Windows lookalike,
// in files that a process there is woken by.
package beneath

import (
	"errors"
	"io/fs"
	"os"
)

// Ask puts a request of one line into a file, whole. It is there when Ask
// returns, or has been taken already.
func Ask(file, line string) error {
	temp := file + ".new"
	if err := os.WriteFile(temp, []byte(line+"\n"), 0o600); err != nil {
		return err
	}
	err := os.Rename(temp, file)
	if err == nil {
		return nil
	}
	// Wine's server looks for the file after it has renamed it, and has no memory
	// for a name that is gone (set_fd_name of its server/fd.c).
	if _, gone := os.Stat(temp); errors.Is(gone, fs.ErrNotExist) {
		return nil
	}
	return err
}
