package hypervisor

import (
	"context"
	"slices"
	"sync"

	libvirt "github.com/digitalocean/go-libvirt"
)

// Resets receives when the domain is reset, by its guest's own reboot or by
// Reset, and is closed when ctx or the connection to libvirt ends. It is of
// capacity 1: what nobody takes in time is told once.
//
// The event is QEMU's RESET (QEMU's qapi/run-state.json), which libvirt passes
// on from the monitor; libvirt's own reboot event go-libvirt cannot read.
func (d *Domain) Resets(ctx context.Context) (<-chan struct{}, error) {
	listener := make(chan struct{}, 1)
	if err := d.host.resets.add(ctx, d, listener); err != nil {
		return nil, d.fault("watch for resets", err)
	}
	d.host.events.Go(func() {
		select {
		case <-ctx.Done():
		case <-d.host.open.Done():
		}
		d.host.resets.remove(d.machine.Name, listener)
	})
	return listener, nil
}

// resets passes on the resets of a connection's domains. libvirt takes one
// registration for a domain, and keeps it when that is started anew.
type resets struct {
	mu        sync.Mutex
	listeners map[string][]chan struct{} // by domain; an entry: registered
}

func (r *resets) add(ctx context.Context, d *Domain, listener chan struct{}) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := d.machine.Name
	if _, registered := r.listeners[name]; !registered {
		var all <-chan libvirt.DomainEvent
		err := d.host.call(ctx, func() (err error) {
			all, err = d.host.conn.SubscribeQEMUEvents(d.host.open, name)
			return err
		})
		if err != nil {
			return err
		}
		d.host.events.Go(func() { r.follow(name, all) })
	}
	if r.listeners == nil {
		r.listeners = map[string][]chan struct{}{}
	}
	r.listeners[name] = append(r.listeners[name], listener)
	return nil
}

func (r *resets) remove(name string, listener chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners[name] = slices.DeleteFunc(r.listeners[name], func(l chan struct{}) bool { return l == listener })
	close(listener)
}

func (r *resets) follow(name string, all <-chan libvirt.DomainEvent) {
	for e := range all {
		if e.Event != "RESET" {
			continue
		}
		r.mu.Lock()
		for _, l := range r.listeners[name] {
			select {
			case l <- struct{}{}:
			default:
			}
		}
		r.mu.Unlock()
	}
}
