// Package runs keeps the folders of runs of the matrix: it makes one, finds
// those of guests that were kept, and clears away what a killed run left.
package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"innkeeper/harness/hypervisor"
)

// prefix begins the name of every run's folder below the temporary folder. It
// is short: unix socket paths end at 107 bytes (unix(7)).
const prefix = "innkeeper-run-"

// Run is the folder of one run. Its lock is held by the matrix and, as an
// inherited descriptor, by every column: it is free when all have ended.
type Run struct {
	Dir  string
	lock *os.File
}

// New makes the folder of a run and takes its lock.
func New() (*Run, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, fmt.Errorf("folder for the run: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return &Run{Dir: dir, lock: lock}, nil
}

// Lock is the descriptor that children are to inherit.
func (r *Run) Lock() *os.File { return r.lock }

// Column is the folder of a system's column in this run.
func (r *Run) Column(system string) string { return filepath.Join(r.Dir, system) }

// Remove deletes the folder.
func (r *Run) Remove() error {
	return errors.Join(os.RemoveAll(r.Dir), r.lock.Close())
}

// Leave lets go of the folder without deleting it: kept guests live in it.
func (r *Run) Leave() error { return r.lock.Close() }

// Found is a run that is there.
type Found struct {
	Dir string
	// Live says whether a process of the run still holds its lock.
	Live bool
	// Kept are the systems whose guests serve a shell, by name, with the socket.
	Kept map[string]string
}

// Find lists the runs below the temporary folder.
func Find() ([]Found, error) {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, dir := range dirs {
		f := Found{Dir: dir, Live: held(filepath.Join(dir, "lock")), Kept: map[string]string{}}
		sockets, _ := filepath.Glob(filepath.Join(dir, "*", "shell.sock"))
		for _, s := range sockets {
			f.Kept[filepath.Base(filepath.Dir(s))] = s
		}
		found = append(found, f)
	}
	return found, nil
}

func held(lock string) bool {
	f, err := os.OpenFile(lock, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Sweep ends what killed runs left behind: their guests, daemons and folders.
// It returns the folders it removed.
func Sweep(ctx context.Context) ([]string, error) {
	all, err := Find()
	if err != nil {
		return nil, err
	}
	var swept []string
	var errs []error
	for _, f := range all {
		if f.Live {
			continue
		}
		if err := sweep(ctx, f.Dir); err != nil {
			errs = append(errs, fmt.Errorf("clear away %s: %w", f.Dir, err))
			continue
		}
		swept = append(swept, f.Dir)
	}
	return swept, errors.Join(errs...)
}

func sweep(ctx context.Context, dir string) error {
	daemons, _ := filepath.Glob(filepath.Join(dir, "*", "hv"))
	if own := filepath.Join(dir, "hv"); isDir(own) {
		daemons = append(daemons, own)
	}
	for _, d := range daemons {
		if err := hypervisor.Reap(ctx, d); err != nil {
			return err
		}
	}
	if !strings.HasPrefix(filepath.Base(dir), prefix) {
		return fmt.Errorf("%s is not the folder of a run", dir)
	}
	return os.RemoveAll(dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// endTimeout bounds the wait for columns that were told to take their guests down.
const endTimeout = 60 * time.Second

// AwaitEnd waits until no run with kept guests is live any more.
func AwaitEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, fmt.Errorf("kept guests are still there after %s", endTimeout))
	defer cancel()
	all, err := Find()
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Live && len(f.Kept) > 0 {
			if err := awaitLock(ctx, filepath.Join(f.Dir, "lock")); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitLock blocks until nobody holds the lock: flock(2) wakes us, there is
// nothing to poll. If ctx ends first the waiting thread is left to the kernel,
// which ends it with the process.
func awaitLock(ctx context.Context, file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	free := make(chan error, 1)
	go func() {
		defer f.Close()
		free <- unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}()
	select {
	case err := <-free:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
