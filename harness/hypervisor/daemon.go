// Package hypervisor runs guests: a private libvirtd where none is given, and
// on it domains that boot, are saved and restored, cut off and looked at. It
// knows nothing of what is in a guest.
package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// DaemonOptions say where a private libvirtd lives.
type DaemonOptions struct {
	// Dir holds everything of the daemon. Its path must be short: the socket
	// below it has to fit into 107 bytes (unix(7)).
	Dir string
	// Cache is a folder that daemons may share for what they found out about
	// QEMU, which costs seconds to find out; empty shares nothing.
	Cache string
	Log   *slog.Logger
}

// Daemon is a private libvirtd, a child of this process.
type Daemon struct {
	dir   string
	cache string
	log   *slog.Logger
	needs requirements
	owner *os.File
	child *process
}

// Bounds of the daemon's start and of its death after its owner's. A start
// takes 0.2 s when the machine is idle; beside six guests that boot it was seen
// to take seconds.
const (
	daemonStartTimeout = 30 * time.Second
	reapTimeout        = 20 * time.Second
)

const startOp = "start a private libvirtd"

// StartDaemon starts a private libvirtd and returns when it answers. It ends
// with this process, however that ends, and its guests with it; the folder it
// leaves then is for Reap.
func StartDaemon(ctx context.Context, o DaemonOptions) (*Daemon, error) {
	return startDaemon(ctx, o, machineRequirements())
}

func startDaemon(ctx context.Context, o DaemonOptions, needs requirements) (_ *Daemon, err error) {
	d := &Daemon{log: o.Log, needs: needs}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, &HostError{startOp, err, ""}
	}
	if o.Cache != "" {
		if d.cache, err = filepath.Abs(o.Cache); err != nil {
			return nil, &HostError{startOp, err, ""}
		}
	}
	if len(d.Socket()) > 107 {
		return nil, &HostError{startOp, fmt.Errorf("the path of its socket, %s, is longer than 107 bytes", d.Socket()), "set TMPDIR to a shorter path"}
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, &HostError{startOp, err, ""}
	}
	if d.owner, err = lockOwner(d.dir); err != nil {
		return nil, &HostError{startOp, err, "give each run a folder of its own"}
	}
	if err := d.start(ctx); err != nil {
		d.owner.Close()
		return nil, err
	}
	return d, nil
}

// Socket is where the daemon listens.
func (d *Daemon) Socket() string { return filepath.Join(d.dir, "run", "libvirt-sock") }

// start makes the daemon run and returns when it answers.
func (d *Daemon) start(ctx context.Context) error {
	libvirtd, err := d.needs.check(startOp)
	if err != nil {
		return err
	}
	if err := d.layOut(); err != nil {
		return &HostError{startOp, err, ""}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, daemonStartTimeout, fmt.Errorf("it did not get ready within %s", daemonStartTimeout))
	defer cancel()
	lock, err := lockDaemon(ctx, d.dir)
	if err != nil {
		return &HostError{startOp, err, ""}
	}
	defer lock.Close()
	ready, err := listenReady(d.dir)
	if err != nil {
		return &HostError{startOp, err, ""}
	}
	defer ready.close()
	env := append(os.Environ(), "NOTIFY_SOCKET="+ready.path, "LC_ALL=C", "PATH="+d.needs.path)
	script, args := d.script(libvirtd)
	child, err := spawn(script, args, env, lock, d.log)
	if err != nil {
		return &HostError{startOp, err, "in a container it takes the right to make namespaces and mounts (docker run --privileged)"}
	}
	if err := ready.wait(ctx, child); err != nil {
		child.kill()
		return &HostError{startOp, fmt.Errorf("%w; it said: %s", err, child.said), "'matrix doctor' tells whether all it needs is there"}
	}
	d.child = child
	return nil
}

// Close ends every domain and the daemon, waits for them and removes Dir. The
// kernel does it, so it takes no daemon that answers, and no context.
func (d *Daemon) Close(context.Context) error {
	defer d.owner.Close()
	select {
	case <-d.child.ended:
		d.log.Warn("the private libvirtd had ended before it was told to", "how", d.child.err, "said", d.child.said)
	default:
		d.child.kill()
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return &HostError{"clear away a private libvirtd", err, ""}
	}
	return nil
}

// Reap removes the folder of a daemon whose owner died. Daemon and guests died
// with it; Reap waits for the daemon to be gone. A folder that is still owned
// is refused with ErrOwned; one that is not there is no error.
func Reap(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	owner, err := lockOwner(dir)
	if err != nil {
		return fmt.Errorf("reap %s: %w", dir, err)
	}
	defer owner.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, reapTimeout, fmt.Errorf("it does not end within %s", reapTimeout))
	defer cancel()
	lock, err := lockDaemon(ctx, dir)
	if err != nil {
		return fmt.Errorf("reap %s: %w", dir, err)
	}
	defer lock.Close()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("reap %s: %w", dir, err)
	}
	return nil
}
