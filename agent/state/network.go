package state

import (
	"net/netip"
	"strconv"
)

// Network is the desired value of the section "network": the interfaces that
// are managed, and where names are looked up. An interface that is not named
// is left alone.
type Network struct {
	// Interfaces are the interfaces that are managed, at least one.
	Interfaces []Interface `json:"interfaces"`
	// DNS is where the machine looks names up; nil leaves that to DHCP and the
	// system.
	DNS *DNS `json:"dns,omitempty"`
}

// Interface is one network interface. It is chosen by exactly one of MAC, Name
// and VLAN.
type Interface struct {
	// MAC is the hardware address of the interface, "52:54:00:12:34:56".
	MAC string `json:"mac,omitempty"`
	// Name is the system's own name of the interface: "eth0", "vtnet0",
	// "Ethernet 2".
	Name string `json:"name,omitempty"`
	// VLAN makes the interface a VLAN of another one of the document.
	VLAN *VLAN `json:"vlan,omitempty"`
	// State is "up", which is meant if it is empty, or "down".
	State string `json:"state,omitempty"`
	// DHCP4 asks a DHCP server for an address, the gateway and, without
	// Network.DNS, name servers.
	DHCP4 bool `json:"dhcp4,omitempty"`
	// DHCP6 asks a DHCPv6 server for an address (RFC 8415).
	DHCP6 bool `json:"dhcp6,omitempty"`
	// SLAAC takes addresses and the gateway from router advertisements (RFC 4862).
	SLAAC bool `json:"slaac,omitempty"`
	// Addresses are fixed addresses with the length of their network's prefix,
	// "192.0.2.10/24", "2001:db8::10/64".
	Addresses []string `json:"addresses,omitempty"`
	// Gateway4 is the IPv4 router to everywhere else, in the network of one of
	// Addresses. One interface of the document may have one.
	Gateway4 string `json:"gateway4,omitempty"`
	// Gateway6 is the same for IPv6; it may be a link-local address.
	Gateway6 string `json:"gateway6,omitempty"`
	// MTU is the largest packet in bytes, 576 to 9216, at least 1280 with IPv6;
	// 0 leaves it to the system.
	MTU uint32 `json:"mtu,omitempty"`
	// Routes are networks behind other routers than the gateway.
	Routes []Route `json:"routes,omitempty"`
}

// VLAN says of which interface a VLAN is (IEEE 802.1Q).
type VLAN struct {
	// On is the MAC or Name, as the document has it, of the interface below.
	On string `json:"on"`
	// ID is the tag, 1 to 4094.
	ID uint32 `json:"id"`
}

// Route is a network behind a router.
type Route struct {
	// To is the network, "198.51.100.0/24".
	To string `json:"to"`
	// Via is the router's address, which the interface reaches directly.
	Via string `json:"via"`
	// Metric ranks routes to the same network, the lowest first; 0 leaves it
	// to the system.
	Metric uint32 `json:"metric,omitempty"`
}

// DNS says where names are looked up.
type DNS struct {
	// Servers are the addresses of name servers, the first asked first; those
	// that DHCP tells are not used beside them. None leaves it to DHCP.
	Servers []string `json:"servers,omitempty"`
	// Search are the domains in which a name is looked up that has no dot.
	Search []string `json:"search,omitempty"`
}

// The states of an interface.
const (
	InterfaceUp   = "up"
	InterfaceDown = "down"
)

// Down says whether the interface is to be out of use.
func (i Interface) Down() bool { return i.State == InterfaceDown }

// Prefixes are the interface's fixed addresses. Validate has seen that they
// can be read.
func (i Interface) Prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, a := range i.Addresses {
		if p, err := netip.ParsePrefix(a); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// Has4 says whether the interface has IPv4.
func (i Interface) Has4() bool { return i.DHCP4 || i.fixed(netip.Addr.Is4) }

// Has6 says whether the interface has IPv6 beyond its link-local address.
func (i Interface) Has6() bool { return i.DHCP6 || i.SLAAC || i.fixed(netip.Addr.Is6) }

func (i Interface) fixed(family func(netip.Addr) bool) bool {
	for _, p := range i.Prefixes() {
		if family(p.Addr()) {
			return true
		}
	}
	return false
}

// NameServer is the index of the interface through which the name servers are
// asked, on systems that keep them by interface: the first with a gateway, or
// else the first that takes its address from DHCP, or else the first that is up.
func (n Network) NameServer() int {
	for _, fits := range []func(Interface) bool{
		func(i Interface) bool { return i.Gateway4 != "" || i.Gateway6 != "" },
		func(i Interface) bool { return i.DHCP4 || i.DHCP6 || i.SLAAC },
		func(i Interface) bool { return true },
	} {
		for at, i := range n.Interfaces {
			if !i.Down() && fits(i) {
				return at
			}
		}
	}
	return 0
}

// Path is the path of a field of the interface at an index, for errors:
// "network.interfaces[0].mtu".
func (n Network) Path(index int, field string) string {
	return "network.interfaces[" + strconv.Itoa(index) + "]." + field
}
