package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Files whose locks tell living from dead: the kernel drops them with the
// process, however it ends.
const (
	ownerFile  = "owner"  // locked by the process that started the daemon
	daemonFile = "daemon" // locked by the daemon and its parent, which inherit it
)

// lockOwner marks dir as owned for as long as this process lives or until the
// file is closed.
func lockOwner(dir string) (*os.File, error) {
	for {
		f, err := tryLock(filepath.Join(dir, ownerFile))
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrOwned)
		}
		if !errors.Is(err, errReplaced) {
			return f, err
		}
		// An earlier owner removed the folder between our open and our lock.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
}

var errReplaced = errors.New("the file was removed while it was locked")

// tryLock opens a file and takes its lock without waiting.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	held, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if named, err := os.Stat(path); err != nil || !os.SameFile(held, named) {
		f.Close()
		return nil, errReplaced
	}
	return f, nil
}

// lockPoll is how often a lock is tried again: flock(2) knows no wait that a
// context could end.
const lockPoll = 20 * time.Millisecond

// lockDaemon takes the lock that the daemon is to inherit. A daemon whose
// owner has just died may need a moment to die, too.
func lockDaemon(ctx context.Context, dir string) (*os.File, error) {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		f, err := tryLock(filepath.Join(dir, daemonFile))
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return f, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("an earlier libvirtd on %s still runs: %w", dir, context.Cause(ctx))
		}
	}
}
