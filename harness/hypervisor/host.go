package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// Host is a connection to a libvirt daemon.
type Host struct {
	conn    *libvirt.Libvirt
	version string
	cancel  context.CancelFunc
	calls   sync.WaitGroup

	mu      sync.Mutex
	domains map[string]*Domain // by name, those that run
}

// Connect connects to the libvirt daemon behind a unix socket.
func Connect(ctx context.Context, socket string) (*Host, error) {
	op := "connect to libvirt at " + socket
	if _, err := os.Stat(socket); err != nil {
		return nil, &HostError{op, err, "is the daemon running?"}
	}
	h := &Host{conn: libvirt.NewWithDialer(dialers.NewLocal(dialers.WithSocket(socket))), domains: map[string]*Domain{}}
	if err := h.conn.ConnectToURI(libvirt.QEMUSystem); err != nil {
		return nil, &HostError{op, err, "is libvirt-daemon-driver-qemu installed?"}
	}
	qemu, err := h.conn.ConnectGetVersion()
	if err != nil {
		return nil, &HostError{op, err, "is qemu-system-x86 installed?"}
	}
	lib, err := h.conn.ConnectGetLibVersion()
	if err != nil {
		return nil, &HostError{op, err, ""}
	}
	h.version = fmt.Sprintf("qemu %d, libvirt %d", qemu, lib)
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	events, err := h.conn.LifecycleEvents(ctx)
	if err != nil {
		return nil, &HostError{op, err, ""}
	}
	h.calls.Go(func() { h.watch(events) })
	return h, nil
}

// Version names the versions of QEMU and libvirt, which a saved state depends on.
func (h *Host) Version() string { return h.version }

// Close ends the connection; domains run on.
func (h *Host) Close() error {
	h.cancel()
	err := h.conn.Disconnect()
	h.calls.Wait()
	if err != nil {
		return &HostError{"disconnect from libvirt", err, ""}
	}
	return nil
}

// watch tells domains of their end until the connection does.
func (h *Host) watch(events <-chan libvirt.DomainEventLifecycleMsg) {
	for e := range events {
		switch libvirt.DomainEventType(e.Event) {
		case libvirt.DomainEventStopped, libvirt.DomainEventCrashed:
			h.mu.Lock()
			d := h.domains[e.Dom.Name]
			// The event's domain has no id any more: the name tells, and events
			// come in order.
			if d != nil {
				delete(h.domains, e.Dom.Name)
				close(d.ended)
			}
			h.mu.Unlock()
		}
	}
}

// call runs a request, which libvirt's protocol cannot cancel, and returns
// when it or ctx ends. Close waits for requests that were left.
func (h *Host) call(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	h.calls.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *Host) destroyAll(ctx context.Context) error {
	list, _, err := h.conn.ConnectListAllDomains(1, libvirt.ConnectListDomainsActive)
	if err != nil {
		return &HostError{"list domains", err, ""}
	}
	var errs []error
	for _, d := range list {
		err := h.call(ctx, func() error { return h.conn.DomainDestroy(d) })
		if err != nil && !libvirt.IsNotFound(err) {
			errs = append(errs, &HostError{"destroy domain " + d.Name, err, ""})
		}
	}
	return errors.Join(errs...)
}
