package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockName is the file in the state directory whose lock the daemon holds.
const lockName = "guestd.lock"

// errHeld says that another process holds the lock.
var errHeld = errors.New("held by another process")

// RunningError says that another instance runs on the same state.
type RunningError struct {
	StateDir string
	// PID is the other's process id, 0 if that cannot be told.
	PID int
}

// Error implements error.
func (e *RunningError) Error() string {
	which := ""
	if e.PID > 0 {
		which = fmt.Sprintf(", process %d", e.PID)
	}
	return fmt.Sprintf("another guestd runs already%s (it holds %s); see: guestd status", which, filepath.Join(e.StateDir, lockName))
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

// Acquire takes the lock, or says that another instance has it. A file system
// that became read-only keeps no daemon from its work.
func Acquire(ctx context.Context, stateDir string) (*Lock, error) {
	path := filepath.Join(stateDir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		var problem error
		if f, problem = os.Open(path); problem != nil {
			return nil, fmt.Errorf("open the lock file: %w", err)
		}
	}
	if err := insist(ctx, f); err != nil {
		_ = f.Close()
		if errors.Is(err, errHeld) {
			return nil, &RunningError{StateDir: stateDir, PID: holder(stateDir)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	sign(f)
	return &Lock{f}, nil
}

// unlocked is where the holder's process id begins in the lock file: on
// Windows the locked first byte cannot be read by others.
const unlocked = 1

// sign writes down who holds the lock. It is for people: that it cannot be
// written, on a full disk, hinders nobody.
func sign(f *os.File) {
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(" "+strconv.Itoa(os.Getpid())+"\n"), 0)
	}
}

// holder is the process id that was written down, 0 if there is none or if it
// is that of an earlier holder, which the present one could not replace.
func holder(stateDir string) int {
	f, err := os.Open(filepath.Join(stateDir, lockName))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	line := make([]byte, 20)
	n, _ := f.ReadAt(line, unlocked)
	digits, _, whole := strings.Cut(string(line[:n]), "\n")
	pid, err := strconv.Atoi(digits)
	if err != nil || !whole || !runs(pid) {
		return 0
	}
	return pid
}

// runs says whether there is such a process.
func runs(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = process.Release() }()
	return !errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
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
func Held(stateDir string) bool { return errors.Is(try(stateDir), errHeld) }

// Ended says whether surely no instance runs: the lock was to be had. It is
// not the contrary of Held, as it may be that neither can be told.
func Ended(stateDir string) bool { return try(stateDir) == nil }

// try takes the lock and gives it back.
func try(stateDir string) error {
	f, err := os.Open(filepath.Join(stateDir, lockName))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return lockFile(f)
}
