package middleware

import "net/netip"

// Stack is the network of the machine beneath.
type Stack interface {
	// Links are the interfaces without the loopback, in the kernel's order.
	Links() ([]Link, error)
	// Routes are the routes through a gateway.
	Routes() ([]Route, error)
	Add(nic string, address netip.Prefix) error
	Remove(nic string, address netip.Prefix) error
	SetUp(nic string, up bool) error
	SetMTU(nic string, mtu int) error
	// CreateVLAN makes a VLAN; Destroy ends it.
	CreateVLAN(name, parent string, tag int) error
	Destroy(name string) error
	// AddRoute puts a route in the place of another to the same network.
	AddRoute(r Route) error
	RemoveRoute(r Route) error
	// StartDHCP starts a DHCP client, and waits for its first answer if it is told to.
	StartDHCP(nic string, wait bool) error
	StopDHCP(nic string) error
	HasDHCP(nic string) bool
	// Lease is the DHCP client's last lease of an interface, in
	// dhclient.leases(5)'s syntax.
	Lease(nic string) (string, error)
}

// Link is an interface of the kernel.
type Link struct {
	Name, MAC string
	Up        bool
	MTU       int
	Addresses []netip.Prefix
}

// Route is a route of the kernel through a gateway. Of one that is added Dev
// may be empty.
type Route struct {
	To  netip.Prefix
	Via netip.Addr
	Dev string
}
