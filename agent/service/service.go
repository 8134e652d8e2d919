// Package service makes guestd a service of the system's own, by the means of
// each system: a systemd unit, a sysvinit script, an init task of TrueNAS, an
// rc.d script of pfSense, a service of the Windows service manager.
package service

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"time"

	"innkeeper/agent/guest"
)

// Name is what the service is called on every system.
const Name = "guestd"

// Service is guestd as a service of one machine.
type Service interface {
	// Install registers the service to start with the machine and starts it
	// now. A service that runs already is restarted, so that a new binary or
	// join file takes effect. Installing again changes nothing else.
	Install(ctx context.Context) error
	// Uninstall stops the service and removes all that Install made. It is no
	// error if there is none.
	Uninstall(ctx context.Context) error
	// Running says whether the service runs.
	Running(ctx context.Context) (bool, error)
}

// Replacer is a Service whose executable cannot be replaced while it runs.
type Replacer interface {
	// Replace stops the service, calls swap, and starts the service again
	// whatever came of that.
	Replace(ctx context.Context, swap func() error) error
}

// put writes a file unless it is there already with that content and mode. It
// says whether it wrote.
func put(m guest.Machine, path string, content []byte, mode fs.FileMode) (bool, error) {
	old, err := m.ReadFile(path)
	if err == nil && bytes.Equal(old, content) {
		info, err := m.Stat(path)
		if err == nil && info.Mode().Perm() == mode {
			return false, nil
		}
	}
	return true, m.WriteFile(path, content, mode)
}

// remove deletes a file that may be absent. It says whether it was there.
func remove(m guest.Machine, path string) (bool, error) {
	err := m.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// exists says whether there is something at path.
func exists(m guest.Machine, path string) bool {
	_, err := m.Stat(path)
	return err == nil
}

// await asks again and again, at growing intervals, until true or ctx ends: for
// states of which no system here gives notice.
func await(ctx context.Context, ask func() (bool, error)) (bool, error) {
	wait := 20 * time.Millisecond
	for {
		ok, err := ask()
		if ok || err != nil {
			return ok, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false, nil
		case <-timer.C:
		}
		wait = min(wait*2, time.Second)
	}
}
