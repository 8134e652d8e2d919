// Package lab is the network a guest under test lives in, as a Go value.
//
// Each network card of the guest is a QEMU socket netdev that ends in this
// process, on a virtual switch. The other hosts on the switch (router, DNS,
// NTP, syslog, mirror, platform) are userspace network stacks, so nothing here
// needs root, a bridge or a real interface, and a spec sees from outside the
// guest what the guest really does. Every lab has the same addresses and none
// can reach another.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
)

// Options of a new lab.
type Options struct {
	// Log is told what happens; nil for nobody.
	Log *slog.Logger
	// NICs is the number of the guest's network cards; 0 means 1.
	NICs int
}

// Lab is one guest's network, running until Close.
type Lab struct {
	log    *slog.Logger
	life   *lifetime
	sw     *ethernetSwitch
	hosts  map[string]*host
	nics   []*nic
	dhcp   *DHCPServer
	dns    *DNSServer
	ntp    *NTPServer
	clock  *NTPServer
	syslog *SyslogSink
	mirror *Mirror
}

// New starts a lab. The context bounds the start only; Close ends the lab.
func New(ctx context.Context, o Options) (*Lab, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.NICs == 0 {
		o.NICs = 1
	}
	if o.NICs < 0 || o.NICs > maxNICs {
		return nil, fmt.Errorf("lab: %d network cards, want 1 to %d", o.NICs, maxNICs)
	}
	l := &Lab{log: o.Log, life: newLifetime(context.Background()), sw: newSwitch(), hosts: map[string]*host{}}
	if err := l.start(ctx, o.NICs); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, nics int) error {
	for _, p := range plan {
		h, err := newHost(l.life, p, l.sw)
		if err != nil {
			return fmt.Errorf("host %s: %w", p.name, err)
		}
		l.hosts[p.name] = h
	}
	if err := l.addFurther(); err != nil {
		return err
	}
	router := l.hosts["router"]
	if err := router.forward(); err != nil {
		return fmt.Errorf("host router: %w", err)
	}
	for _, service := range []struct {
		name  string
		start func() error
	}{
		{"dhcp", func() (err error) { l.dhcp, err = startDHCP(router, l.log); return err }},
		{"dns", func() (err error) { l.dns, err = startDNS(l.hosts["dns"], l.log); return err }},
		{"ntp", func() (err error) { l.ntp, err = startNTP(l.hosts["ntp"]); return err }},
		{"clock", func() (err error) { l.clock, err = startNTP(l.hosts["clock"]); return err }},
		{"syslog", func() (err error) { l.syslog, err = startSyslog(l.hosts["log"], l.log); return err }},
		{"mirror", func() (err error) { l.mirror, err = startMirror(l.hosts["mirror"], l.log); return err }},
	} {
		if err := service.start(); err != nil {
			return fmt.Errorf("start %s: %w", service.name, err)
		}
	}
	// The guest's cards come last: whoever connects finds every host there.
	for i := range nics {
		n, err := newNIC(ctx, l.life, i, l.sw, l.log)
		if err != nil {
			return fmt.Errorf("network card %d: %w", i, err)
		}
		l.nics = append(l.nics, n)
	}
	return nil
}

// NICPort is the loopback TCP port that the QEMU socket netdev (client side)
// of the guest's card i connects to, as often as it likes: a newer connection
// takes the place of the one before.
func (l *Lab) NICPort(i int) int { return l.nics[i].port() }

// MAC is the address the guest's card i must have; its DHCP lease goes by it.
func (l *Lab) MAC(i int) string { return guestMAC(i).String() }

// Cable is the guest's card i's cable.
func (l *Lab) Cable(i int) *Cable { return l.nics[i].cable }

// GuestAddr is the address that DHCP gives to the guest's first card.
func (l *Lab) GuestAddr() netip.Addr { return guestAddr(0) }

// Syslog is the log host's syslog sink.
func (l *Lab) Syslog() *SyslogSink { return l.syslog }

// DNS is the name server.
func (l *Lab) DNS() *DNSServer { return l.dns }

// DHCP is the DHCP server on the router.
func (l *Lab) DHCP() *DHCPServer { return l.dhcp }

// NTP is the time server that DHCP names.
func (l *Lab) NTP() *NTPServer { return l.ntp }

// Clock is a time server that DHCP does not name: a guest asks it only if it was
// told to otherwise.
func (l *Lab) Clock() *NTPServer { return l.clock }

// Mirror is the package mirror.
func (l *Lab) Mirror() *Mirror { return l.mirror }

// Close ends the lab: its listeners, connections and hosts. It returns when
// every goroutine of the lab has ended; a second call does nothing.
func (l *Lab) Close() error {
	l.life.end()
	for _, h := range l.hosts {
		h.close()
	}
	return nil
}
