package lab

import (
	"fmt"
	"net"
	"net/netip"
)

// Domain is the lab's DNS domain. The name is reserved for testing (RFC 6761,
// section 6.2).
const Domain = "lab.test"

// maxNICs keeps the guest's leases apart from the hosts' addresses.
const maxNICs = 16

// The prefixes are set aside for documentation (RFC 5737, RFC 3849), so they
// are never those of a network around us.
var (
	// Subnet is the lab's IPv4 network.
	Subnet = netip.MustParsePrefix("198.51.100.0/24")
	// Subnet6 is the lab's IPv6 network.
	Subnet6 = netip.MustParsePrefix("2001:db8:77::/64")
)

// hostPlan is one host's place in the lab: its name and the last number of
// both its addresses, read as decimal in the one and as hexadecimal digits in
// the other, so that they look alike.
type hostPlan struct {
	name   string
	number int
}

var plan = []hostPlan{
	{"router", 1},
	{"log", 14},
	{"platform", 42},
	{"dns", 53},
	{"mirror", 80},
	{"ntp", 123},
	{"clock", 124},
}

func (p hostPlan) addr() netip.Addr {
	a := Subnet.Addr().As4()
	a[3] = byte(p.number)
	return netip.AddrFrom4(a)
}

func (p hostPlan) addr6() netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8:77::%d", p.number))
}

func (p hostPlan) mac() net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0x00, 0x77, 0x00, byte(p.number)}
}

// HostAddrs tells the addresses of a host by its short name, such as "log";
// they are the same in every lab.
func HostAddrs(name string) (v4, v6 netip.Addr, ok bool) {
	for _, p := range plan {
		if p.name == name {
			return p.addr(), p.addr6(), true
		}
	}
	for _, p := range further {
		if p.name == name {
			return p.family(netip.Addr.Is4), p.family(netip.Addr.Is6), true
		}
	}
	return netip.Addr{}, netip.Addr{}, false
}

func planned(name string) netip.Addr {
	v4, _, _ := HostAddrs(name)
	return v4
}

func guestMAC(nic int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0x00, 0x00, 0x77, byte(nic + 1)}
}

func guestAddr(nic int) netip.Addr {
	a := Subnet.Addr().As4()
	a[3] = byte(100 + nic)
	return netip.AddrFrom4(a)
}
