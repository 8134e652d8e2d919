package lab

import (
	"fmt"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// Networks beside the lab's own, for what a guest is told to be in. They are on
// the same switch, and none of them has a DHCP server.
var (
	// Second is where the guest's second card belongs; the router is in it too,
	// and gateway.
	Second  = netip.MustParsePrefix("192.0.2.0/26")
	Second6 = netip.MustParsePrefix("2001:db8:78::/64")
	// Tagged is the VLAN TaggedID, in which tagged is.
	Tagged  = netip.MustParsePrefix("192.0.2.64/26")
	Tagged6 = netip.MustParsePrefix("2001:db8:79::/64")
	// Far is behind gateway and known to it alone; far is in it.
	Far  = netip.MustParsePrefix("192.0.2.128/26")
	Far6 = netip.MustParsePrefix("2001:db8:7a::/64")
)

// TaggedID is the VLAN of the host tagged: it neither sends nor hears a frame
// without that tag.
const TaggedID = 7

// further are the hosts beside those of plan, with all their addresses.
// HostAddrs tells the first of each family.
var further = []furtherPlan{
	{name: "router", addrs: []netip.Prefix{nth(Second, 1), nth(Second6, 1)}},
	{name: "gateway", number: 2, addrs: []netip.Prefix{nth(Second, 2), nth(Second6, 2), nth(Far, 1), nth(Far6, 1)}, forwards: true},
	{name: "tagged", number: 3, addrs: []netip.Prefix{nth(Tagged, 1), nth(Tagged6, 1)}, vlan: TaggedID},
	{name: "far", number: 4, addrs: []netip.Prefix{nth(Far, 2), nth(Far6, 2)}, through: []netip.Prefix{nth(Far, 1), nth(Far6, 1)}},
}

type furtherPlan struct {
	name   string
	number int // of its hardware address; 0 for a host that is there already
	addrs  []netip.Prefix
	// through are the gateways to everywhere else.
	through  []netip.Prefix
	vlan     uint16
	forwards bool
}

// nth is the n-th address of a network, with its prefix.
func nth(network netip.Prefix, n int) netip.Prefix {
	a := network.Addr()
	for range n {
		a = a.Next()
	}
	return netip.PrefixFrom(a, network.Bits())
}

func (p furtherPlan) mac() net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0x00, 0x78, 0x00, byte(p.number)}
}

// family is the host's first address of a family, the zero Addr for none.
func (p furtherPlan) family(is func(netip.Addr) bool) netip.Addr {
	for _, a := range p.addrs {
		if is(a.Addr()) {
			return a.Addr()
		}
	}
	return netip.Addr{}
}

// addFurther starts the hosts of further, and gives those that are there their
// further addresses.
func (l *Lab) addFurther() error {
	for _, p := range further {
		h := l.hosts[p.name]
		if h == nil {
			var err error
			if h, err = bareHost(l.life, p.name, p.mac()); err != nil {
				return fmt.Errorf("host %s: %w", p.name, err)
			}
			l.hosts[p.name] = h
			h.card.send = l.sw.plugVLAN(p.vlan, h.card.enter)
		}
		if err := p.setUp(h); err != nil {
			return fmt.Errorf("host %s: %w", p.name, err)
		}
	}
	return nil
}

func (p furtherPlan) setUp(h *host) error {
	for _, a := range p.addrs {
		if err := h.addAddr(a.Addr(), a.Masked()); err != nil {
			return err
		}
	}
	for _, a := range p.through {
		everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if a.Addr().Is6() {
			everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		h.stack.AddRoute(tcpip.Route{
			Destination: subnetOf(everywhere), Gateway: tcpip.AddrFromSlice(a.Addr().AsSlice()), NIC: hostNIC,
		})
	}
	if p.forwards {
		return h.forward()
	}
	return nil
}
