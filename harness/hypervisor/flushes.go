package hypervisor

import (
	"context"
	"fmt"

	libvirt "github.com/digitalocean/go-libvirt"
)

// disk is the name that machine definitions give the disk.
const disk = "vda"

// Flushes is how often the guest has had its disk written through since the
// domain was started: each is a moment from which on a power cut leaves
// something else behind than before.
func (d *Domain) Flushes(ctx context.Context) (int64, error) {
	const most = 16 // counters; QEMU has eight
	handle, _ := d.now()
	answer := make(chan []libvirt.TypedParam, 1)
	err := d.host.call(ctx, func() error {
		counters, _, err := d.host.conn.DomainBlockStatsFlags(handle, disk, most, 0)
		answer <- counters
		return err
	})
	if err != nil {
		return 0, d.fault("count the disk's flushes of", err)
	}
	for _, c := range <-answer {
		// VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ in libvirt-domain.h
		if n, ok := c.Value.I.(int64); ok && c.Field == "flush_operations" {
			return n, nil
		}
	}
	return 0, fmt.Errorf("libvirt does not tell how often the disk of %s was flushed", d.machine.Name)
}
