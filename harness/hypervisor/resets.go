package hypervisor

import (
	"context"

	libvirt "github.com/digitalocean/go-libvirt"
)

// Resets receives when the domain is reset, by its guest's own reboot or by
// Reset, and is closed when ctx or the connection to libvirt ends. It is of capacity 1: what nobody takes
// in time is told once.
//
// The event is QEMU's RESET (QEMU's qapi/run-state.json), which libvirt passes
// on from the monitor; libvirt's own reboot event go-libvirt cannot read.
func (d *Domain) Resets(ctx context.Context) (<-chan struct{}, error) {
	var all <-chan libvirt.DomainEvent
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.host.open, cancel)
	err := d.host.call(ctx, func() (err error) {
		all, err = d.host.conn.SubscribeQEMUEvents(ctx, d.machine.Name)
		return err
	})
	if err != nil {
		stop()
		cancel()
		return nil, d.fault("watch for resets", err)
	}
	resets := make(chan struct{}, 1)
	d.host.events.Go(func() {
		defer stop()
		defer cancel()
		defer close(resets)
		for e := range all {
			if e.Event != "RESET" {
				continue
			}
			select {
			case resets <- struct{}{}:
			default:
			}
		}
	})
	return resets, nil
}
