package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	libvirt "github.com/digitalocean/go-libvirt"
)

// Domain is a guest that was started.
type Domain struct {
	host    *Host
	machine Machine
	handle  libvirt.Domain
	ended   chan struct{}
}

// Boot starts a machine from power on.
func (h *Host) Boot(ctx context.Context, m Machine) (*Domain, error) {
	d := &Domain{host: h, machine: m}
	return d, d.Start(ctx)
}

// Start powers a domain on that was cut off.
func (d *Domain) Start(ctx context.Context) error {
	xml, err := d.machine.xml()
	if err != nil {
		return d.fault("define", err)
	}
	return d.begin(ctx, "boot", func() (libvirt.Domain, error) {
		return d.host.conn.DomainCreateXML(xml, 0)
	})
}

// Restore continues a machine from a saved state. Paths and ports are those of
// m, whose disk must hold what the saved guest's held when it was saved.
func (h *Host) Restore(ctx context.Context, m Machine, stateFile string) (*Domain, error) {
	d := &Domain{host: h, machine: m}
	xml, err := m.xml()
	if err != nil {
		return nil, d.fault("define", err)
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

// begin starts the domain and has the host watch for its end.
func (d *Domain) begin(ctx context.Context, op string, start func() (libvirt.Domain, error)) error {
	d.ended = make(chan struct{})
	err := d.host.call(ctx, func() error {
		handle, err := start()
		if err != nil {
			return err
		}
		d.host.mu.Lock()
		defer d.host.mu.Unlock()
		d.handle = handle
		d.host.domains[d.machine.Name] = d
		return nil
	})
	if err != nil {
		close(d.ended)
		return d.fault(op, err)
	}
	return nil
}

// fault describes what went wrong with the domain on our side.
func (d *Domain) fault(op string, err error) error {
	return &HostError{op + " domain " + d.machine.Name, err, "libvirt's own log of the domain is in log/qemu of the daemon's folder"}
}

// Ended is closed when the domain has stopped, whoever stopped it.
func (d *Domain) Ended() <-chan struct{} { return d.ended }

// Save writes the guest's memory to a file and ends the domain. Its disk then
// holds what it held at that moment.
func (d *Domain) Save(ctx context.Context, stateFile string) error {
	err := d.host.call(ctx, func() error {
		return d.host.conn.DomainSaveFlags(d.handle, stateFile, nil, uint32(libvirt.DomainSaveRunning))
	})
	if err != nil {
		return errors.Join(d.fault("save", err), os.RemoveAll(stateFile))
	}
	return d.awaitEnd(ctx)
}

// awaitEnd waits for the event that the domain has stopped, so that a later
// start does not take it for its own.
func (d *Domain) awaitEnd(ctx context.Context) error {
	select {
	case <-d.ended:
		return nil
	case <-ctx.Done():
		return d.fault("wait for the end of", context.Cause(ctx))
	}
}

// PowerCut ends the domain as pulling the plug does. A domain that has ended
// already is no error.
func (d *Domain) PowerCut(ctx context.Context) error {
	if d.ended == nil {
		return nil // it never began
	}
	err := d.host.call(ctx, func() error { return d.host.conn.DomainDestroy(d.handle) })
	if err != nil && !libvirt.IsNotFound(err) {
		return d.fault("destroy", err)
	}
	return d.awaitEnd(ctx)
}

// Reset restarts the guest as its reset button does.
func (d *Domain) Reset(ctx context.Context) error {
	if err := d.host.call(ctx, func() error { return d.host.conn.DomainReset(d.handle, 0) }); err != nil {
		return d.fault("reset", err)
	}
	return nil
}

// pngMagic begins a PNG file (RFC 2083, section 3.1).
var pngMagic = []byte("\x89PNG\r\n\x1a\n")

// Screenshot is the guest's screen as PNG.
func (d *Domain) Screenshot(ctx context.Context) ([]byte, error) {
	var picture bytes.Buffer
	err := d.host.call(ctx, func() error {
		_, err := d.host.conn.DomainScreenshot(d.handle, &picture, 0, 0)
		return err
	})
	if ctx.Err() != nil {
		return nil, d.fault("take a screenshot of", err)
	}
	// go-libvirt fails to decode the reply although the picture is complete:
	// the bytes decide.
	if !bytes.HasPrefix(picture.Bytes(), pngMagic) {
		return nil, d.fault("take a screenshot of", fmt.Errorf("got %d bytes that are no PNG: %w", picture.Len(), err))
	}
	return picture.Bytes(), nil
}

// Console is what the guest wrote to its serial console since the file began.
func (d *Domain) Console() ([]byte, error) {
	data, err := os.ReadFile(d.machine.Console)
	if err != nil {
		return nil, fmt.Errorf("console of %s: %w", d.machine.Name, err)
	}
	return data, nil
}

// MemoryMiB is the resident memory of the domain's QEMU in MiB, 0 if it cannot
// be told.
func (d *Domain) MemoryMiB() int {
	stats, err := d.host.conn.DomainMemoryStats(d.handle, uint32(libvirt.DomainMemoryStatNr), 0)
	if err != nil {
		return 0
	}
	for _, s := range stats {
		if libvirt.DomainMemoryStatTags(s.Tag) == libvirt.DomainMemoryStatRss {
			return int(s.Val >> 10) // KiB
		}
	}
	return 0
}
