package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockName is the file in the state directory whose lock the daemon holds.
const lockName = "guestd.lock"

// errHeld says that another process holds the lock.
var errHeld = errors.New("held by another process")

// RunningError says that another instance runs on the same state.
type RunningError struct {
	StateDir string
}

// Error implements error.
func (e *RunningError) Error() string {
	return fmt.Sprintf("another guestd runs already (it holds %s); see: guestd status", filepath.Join(e.StateDir, lockName))
}

// Lock is the right to be the one daemon of a state directory. The system
// takes it back when the process ends, however it ends: nothing is left behind
// to be mistaken.
type Lock struct {
	file *os.File
}

// patience is how long Acquire tries: an instance that is just ending, or
// somebody who looks whether one runs, holds the lock for a moment.
const patience = time.Second

// Acquire takes the lock, or says that another instance has it.
func Acquire(ctx context.Context, stateDir string) (*Lock, error) {
	path := filepath.Join(stateDir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	if err := insist(ctx, f); err != nil {
		_ = f.Close()
		if errors.Is(err, errHeld) {
			return nil, &RunningError{stateDir}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{f}, nil
}

func insist(ctx context.Context, f *os.File) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(patience / 20)
	defer again.Stop()
	for {
		err := lockFile(f)
		if !errors.Is(err, errHeld) {
			return err
		}
		select {
		case <-again.C:
		case <-late.C:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Release gives the lock back. The file stays: to remove it would let two
// instances hold locks of two files of that name.
func (l *Lock) Release() { _ = l.file.Close() }

// Held says whether an instance runs.
func Held(stateDir string) bool {
	f, err := os.OpenFile(filepath.Join(stateDir, lockName), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(lockFile(f), errHeld)
}
