// Package iproute reads what Linux' network is like at the moment, by ip(8) of
// iproute2. It reads the one-line text form, which is the same since iproute2
// of 2009; CentOS 7 and Openfiler have none of the JSON of later ones.
package iproute

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/agent/guest"
)

// Command is ip(8), by its name: it is in /sbin on old systems.
const Command = "ip"

// Network is the machine's network at one moment.
type Network struct {
	Links  []Link
	Routes []Route
}

// Link is a network interface.
type Link struct {
	// Name is the interface's, "eth0" or "eth0.7".
	Name string
	// Below is the interface that it lies on, for a VLAN and the like.
	Below string
	// MAC is its hardware address in lower case, or empty.
	MAC string
	// Up says that it is in use, whether or not a cable is plugged in.
	Up  bool
	MTU uint32
	// Addresses are in the order in which the kernel has them.
	Addresses []Address
}

// Address is an address of an interface.
type Address struct {
	netip.Prefix
	// Dynamic says that it is lent: by DHCP or a router advertisement.
	Dynamic bool
	// Link says that it counts on the wire only, as fe80::/10 does.
	Link bool
	// Failed says that another machine has it (duplicate address detection).
	Failed bool
}

// Route is a way through a router, or of the kernel to a network at hand.
type Route struct {
	// To is the network; zero bits are everywhere.
	To netip.Prefix
	// Via is the router, invalid for a network at hand.
	Via netip.Addr
	// Dev is the interface.
	Dev string
	// Protocol is who made it, "kernel", "dhcp", "ra", "static"; "boot" if
	// nothing is said.
	Protocol string
	// Metric is 0 where ip does not show it.
	Metric uint32
}

// Read asks for links, addresses and the routes of the main table.
func Read(ctx context.Context, m guest.Machine) (Network, error) {
	var texts [4]string
	for i, args := range [][]string{
		{"-o", "link", "show"},
		{"-o", "addr", "show"},
		{"-4", "route", "show", "table", "main"},
		{"-6", "route", "show", "table", "main"},
	} {
		out, err := guest.Output(ctx, m, Command, args...)
		if err != nil {
			return Network{}, err
		}
		texts[i] = string(out)
	}
	links, err := ParseLinks(texts[0])
	if err != nil {
		return Network{}, err
	}
	n := Network{Links: links}
	if err := parseAddresses(texts[1], n.Links); err != nil {
		return Network{}, err
	}
	for i, family := range texts[2:] {
		routes, err := ParseRoutes(family, i == 1)
		if err != nil {
			return Network{}, err
		}
		n.Routes = append(n.Routes, routes...)
	}
	return n, nil
}

// Link finds an interface by its name.
func (n Network) Link(name string) (Link, bool) {
	i := slices.IndexFunc(n.Links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return Link{}, false
	}
	return n.Links[i], true
}

// Names are the names of all interfaces but the loopback.
func (n Network) Names() []string {
	var names []string
	for _, l := range n.Links {
		if l.Name != "lo" {
			names = append(names, l.Name)
		}
	}
	return names
}

// malformed says that a line is not as iproute2 writes it.
func malformed(what, line string) error {
	if len(line) > 120 {
		line = line[:120] + "..."
	}
	return fmt.Errorf("%s: ip gave a line that is not understood: %q", what, strings.TrimSpace(line))
}
