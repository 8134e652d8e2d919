package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
)

// Domain is a guest that was started. Its methods may be called from several
// goroutines.
type Domain struct {
	host    *Host
	machine Machine

	mu     sync.Mutex
	handle libvirt.Domain
	life   *life
}

// Boot starts a machine from power on.
func (h *Host) Boot(ctx context.Context, m Machine) (*Domain, error) {
	d, err := h.domain(m)
	if err != nil {
		return nil, err
	}
	if err := d.Start(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Start powers a domain on that has ended.
func (d *Domain) Start(ctx context.Context) error {
	xml, err := d.machine.xml()
	if err != nil {
		return d.fault("define", err)
	}
	return d.begin(ctx, "boot", func() (libvirt.Domain, error) {
		return d.host.conn.DomainCreateXML(xml, 0)
	})
}

// Bounds of the wait for libvirt to forget a domain. Its event "stopped" comes
// before that, and no event tells of it (seen with libvirt 9.0).
const (
	removalPoll    = 20 * time.Millisecond
	removalTimeout = 5 * time.Second
)

// afterRemoval runs start once libvirt has forgotten the domain of that name.
func afterRemoval(ctx context.Context, start func() (libvirt.Domain, error)) (libvirt.Domain, error) {
	tick := time.NewTicker(removalPoll)
	defer tick.Stop()
	limit := time.NewTimer(removalTimeout)
	defer limit.Stop()
	for {
		handle, err := start()
		// The error's code, "operation failed", says as good as nothing.
		if err == nil || !strings.Contains(err.Error(), "is already being removed") {
			return handle, err
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return handle, err
		case <-ctx.Done():
			return handle, err
		}
	}
}

// Restore continues a machine from a saved state. Paths and ports are those of
// m, whose disk must hold what the saved guest's held when it was saved.
func (h *Host) Restore(ctx context.Context, m Machine, stateFile string) (*Domain, error) {
	d, err := h.domain(m)
	if err != nil {
		return nil, err
	}
	xml, err := d.machine.xml()
	if err != nil {
		return nil, d.fault("define", err)
	}
	if stateFile, err = filepath.Abs(stateFile); err != nil {
		return nil, d.fault("restore", err)
	}
	err = d.begin(ctx, "restore", func() (libvirt.Domain, error) {
		if err := h.conn.DomainRestoreFlags(stateFile, libvirt.OptString{xml}, uint32(libvirt.DomainSaveRunning)); err != nil {
			return libvirt.Domain{}, err
		}
		return h.conn.DomainLookupByName(m.Name)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (h *Host) domain(m Machine) (*Domain, error) {
	m, err := m.absolute()
	if err != nil {
		return nil, &HostError{"define domain " + m.Name, err, ""}
	}
	return &Domain{host: h, machine: m}, nil
}

// begin starts a life of the domain. A start that ctx ends is undone as soon
// as libvirt is through with it.
func (d *Domain) begin(ctx context.Context, op string, start func() (libvirt.Domain, error)) error {
	if ctx.Err() != nil {
		return d.fault(op, context.Cause(ctx))
	}
	for _, n := range d.machine.NICs {
		if err := n.plugged(ctx); err != nil {
			return d.fault(op, err)
		}
	}
	name := d.machine.Name
	l := d.host.lives.expect(name)
	if l == nil {
		return d.fault(op, errors.New("a domain of that name runs already"))
	}
	type result struct {
		handle libvirt.Domain
		err    error
	}
	done := make(chan result, 1)
	d.host.calls.Go(func() {
		handle, err := afterRemoval(ctx, start)
		if err != nil {
			d.host.lives.forget(name, l)
		}
		done <- result{handle, err}
	})
	select {
	case r := <-done:
		if r.err != nil {
			return d.fault(op, r.err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.handle, d.life = r.handle, l
		return nil
	case <-ctx.Done():
		d.host.calls.Go(func() {
			if r := <-done; r.err == nil {
				_ = d.host.conn.DomainDestroy(r.handle) // if this fails, it ends with its daemon
			}
		})
		return d.fault(op, context.Cause(ctx))
	}
}

// fault describes what went wrong with the domain on our side.
func (d *Domain) fault(op string, err error) error {
	look := "libvirt's own log of the domain is in log/qemu of the daemon's folder"
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		look = ""
	}
	return &HostError{op + " domain " + d.machine.Name, err, look}
}

// now is the domain's handle in libvirt and its present or last life.
func (d *Domain) now() (libvirt.Domain, *life) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handle, d.life
}

// Ended is closed when the domain has stopped, whoever stopped it, or when
// nothing more can be known of it; Wait tells which. After Start it is another
// channel.
func (d *Domain) Ended() <-chan struct{} {
	_, l := d.now()
	return l.ended
}

// Wait returns how the domain ended once it has. The error wraps ErrLost if
// the connection to libvirt ended first.
func (d *Domain) Wait(ctx context.Context) (End, error) {
	_, l := d.now()
	select {
	case <-l.ended:
		if l.err != nil {
			return l.end, d.fault("follow", l.err)
		}
		return l.end, nil
	case <-ctx.Done():
		return "", d.fault("wait for the end of", context.Cause(ctx))
	}
}

// Save writes the guest's memory to a file and ends the domain. Its disk then
// holds what it held at that moment. If ctx ends it, no file is left.
func (d *Domain) Save(ctx context.Context, stateFile string) error {
	stateFile, err := filepath.Abs(stateFile)
	if err != nil {
		return d.fault("save", err)
	}
	handle, _ := d.now()
	done := make(chan error, 1)
	err = d.host.call(ctx, func() error {
		err := d.host.conn.DomainSaveFlags(handle, stateFile, nil, uint32(libvirt.DomainSaveRunning))
		done <- err
		return err
	})
	switch {
	case err == nil:
		_, err = d.Wait(ctx)
		return err
	case ctx.Err() != nil:
		d.host.calls.Go(func() {
			_ = d.host.conn.DomainAbortJob(handle) // it may be through already
			<-done
			os.Remove(stateFile)
		})
		return d.fault("save", err)
	}
	return errors.Join(d.fault("save", err), os.RemoveAll(stateFile))
}

// PowerCut ends the domain as pulling the plug does: what the guest had not
// handed to its disk is lost. A domain that has ended already is no error.
func (d *Domain) PowerCut(ctx context.Context) error {
	handle, l := d.now()
	select {
	case <-l.ended:
		if l.err == nil {
			return nil
		}
	default:
	}
	err := d.host.call(ctx, func() error { return d.host.conn.DomainDestroy(handle) })
	if err != nil && !libvirt.IsNotFound(err) {
		return d.fault("destroy", err)
	}
	_, err = d.Wait(ctx)
	return err
}

// Reset restarts the guest as its reset button does.
func (d *Domain) Reset(ctx context.Context) error {
	handle, _ := d.now()
	if err := d.host.call(ctx, func() error { return d.host.conn.DomainReset(handle, 0) }); err != nil {
		return d.fault("reset", err)
	}
	return nil
}

// Console is what the guest wrote to its serial console since the file began.
func (d *Domain) Console() ([]byte, error) {
	data, err := os.ReadFile(d.machine.Console)
	if err != nil {
		return nil, fmt.Errorf("console of %s: %w", d.machine.Name, err)
	}
	return data, nil
}

// statsTimeout bounds the question for the memory of a domain.
const statsTimeout = 5 * time.Second

// MemoryMiB is the resident memory of the domain's QEMU in MiB, 0 if it cannot
// be told.
func (d *Domain) MemoryMiB() int {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	handle, _ := d.now()
	answer := make(chan []libvirt.DomainMemoryStat, 1)
	err := d.host.call(ctx, func() error {
		stats, err := d.host.conn.DomainMemoryStats(handle, uint32(libvirt.DomainMemoryStatNr), 0)
		answer <- stats
		return err
	})
	if err != nil {
		return 0
	}
	for _, s := range <-answer {
		if libvirt.DomainMemoryStatTags(s.Tag) == libvirt.DomainMemoryStatRss {
			return int(s.Val >> 10) // KiB
		}
	}
	return 0
}
