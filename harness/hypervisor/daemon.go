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
	"syscall"
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

// Bounds of the daemon's start and end. A start takes 0.2 s when the machine
// is idle; beside six guests that boot it was seen to take seconds.
const (
	daemonStartTimeout = 30 * time.Second
	daemonStopTimeout  = 20 * time.Second
)

const startOp = "start a private libvirtd"

// StartDaemon starts a private libvirtd and returns when it answers. It ends
// with this process, however that ends; the guests it leaves then are for Reap.
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
	child, err := spawn(d.command(libvirtd), env, lock, d.log)
	if err != nil {
		return &HostError{startOp, err, ""}
	}
	if err := ready.wait(ctx, child); err != nil {
		child.kill()
		return &HostError{startOp, fmt.Errorf("%w; it said: %s", err, child.said), "'matrix doctor' tells whether all it needs is there"}
	}
	d.child = child
	return nil
}

// Close destroys every domain, ends the daemon, waits for it and removes Dir.
// If a domain could not be destroyed, Dir stays, for Reap.
func (d *Daemon) Close(ctx context.Context) error {
	defer d.owner.Close()
	err := d.destroyAll(ctx)
	if err != nil && ctx.Err() == nil {
		// The daemon is dead or hangs; another one finds its guests again.
		d.log.Warn("the private libvirtd does not end its domains; starting another on its folder", "error", err, "said", d.child.said)
		d.child.kill()
		if err = d.start(ctx); err == nil {
			err = d.destroyAll(ctx)
		}
	}
	if err := errors.Join(err, d.end(ctx)); err != nil {
		return err
	}
	return os.RemoveAll(d.dir)
}

// end makes the child end and waits for it, whatever ctx says.
func (d *Daemon) end(ctx context.Context) error {
	d.child.signal(syscall.SIGTERM)
	timer := time.NewTimer(daemonStopTimeout)
	defer timer.Stop()
	select {
	case <-d.child.ended:
		return nil
	case <-ctx.Done():
		d.child.kill()
		return nil
	case <-timer.C:
		d.child.kill()
		return &HostError{"end the private libvirtd", fmt.Errorf("killed, as it did not end within %s", daemonStopTimeout), ""}
	}
}

func (d *Daemon) destroyAll(ctx context.Context) error {
	h, err := Connect(ctx, d.Socket())
	if err != nil {
		return err
	}
	return errors.Join(h.destroyAll(ctx), h.Close())
}

// Reap ends the guests of a daemon whose owner died and removes its folder: a
// libvirtd started on the same folder finds them again by its own records,
// never by a stored process id. A folder that is still owned is refused with
// ErrOwned; one that is not there is no error.
func Reap(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := reap(ctx, dir); err != nil {
		return fmt.Errorf("reap %s: %w", dir, err)
	}
	return nil
}

func reap(ctx context.Context, dir string) error {
	if !hasGuests(dir) {
		return removeDead(ctx, dir)
	}
	d, err := StartDaemon(ctx, DaemonOptions{Dir: dir})
	if err != nil {
		return err
	}
	return d.Close(ctx)
}

// removeDead removes the folder of a daemon that left no guests.
func removeDead(ctx context.Context, dir string) error {
	owner, err := lockOwner(dir)
	if err != nil {
		return err
	}
	defer owner.Close()
	ctx, cancel := context.WithTimeout(ctx, daemonStopTimeout)
	defer cancel()
	lock, err := lockDaemon(ctx, dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return os.RemoveAll(dir)
}

// hasGuests tells whether a daemon recorded running guests in its folder: its
// QEMU driver writes NAME.xml there before it lets QEMU run and removes it
// when QEMU has ended (seen with libvirt 9.0).
func hasGuests(dir string) bool {
	records, err := filepath.Glob(filepath.Join(dir, "run", "qemu", "*.xml"))
	return err == nil && len(records) > 0
}
