package network

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/mechanisms/resolvconf"
	"innkeeper/agent/state"
)

// settings is TrueNAS' configuration of the network.
type settings struct {
	// Interfaces are those that are configured, by name. Without any all run DHCP.
	Interfaces map[string]row           `json:"interfaces"`
	Globals    middleware.Globals       `json:"globals"`
	Routes     []middleware.StaticRoute `json:"routes"`
}

// row is the configuration of an interface.
type row struct {
	DHCP    bool     `json:"dhcp,omitempty"`
	Auto6   bool     `json:"auto6,omitempty"`
	Aliases []string `json:"aliases,omitempty"`
	// MTU is 0 for the system's own.
	MTU         int    `json:"mtu,omitempty"`
	Options     string `json:"options,omitempty"`
	Description string `json:"description,omitempty"`
	// Parent is what a VLAN lies on, else empty.
	Parent string `json:"parent,omitempty"`
	Tag    int    `json:"tag,omitempty"`
	PCP    *int   `json:"pcp,omitempty"`
}

// rank orders the writing: without DHCP, with it, VLANs.
func (r row) rank() int {
	switch {
	case r.Parent != "":
		return 2
	case r.DHCP:
		return 1
	}
	return 0
}

// common is r without what want has not.
func (r row) common(want row) row {
	less := want
	less.DHCP, less.Auto6, less.Aliases = r.DHCP && want.DHCP, r.Auto6 && want.Auto6, nil
	for _, a := range r.Aliases {
		if slices.Contains(want.Aliases, a) {
			less.Aliases = append(less.Aliases, a)
		}
	}
	return less
}

func (r row) settings() middleware.Settings {
	s := middleware.Settings{DHCP: r.DHCP, Auto6: r.Auto6, Aliases: []middleware.Alias{}, Options: r.Options, Description: r.Description}
	for _, a := range r.Aliases {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			continue // it was read as one
		}
		family := "INET"
		if p.Addr().Is6() {
			family = "INET6"
		}
		s.Aliases = append(s.Aliases, middleware.Alias{Type: family, Address: p.Addr().String(), Bits: p.Bits()})
	}
	if r.MTU != 0 {
		s.MTU = &r.MTU
	}
	return s
}

func (r row) vlan() *middleware.VLAN {
	if r.Parent == "" {
		return nil
	}
	return &middleware.VLAN{Parent: r.Parent, Tag: r.Tag, PCP: r.PCP}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (s settings) text() string {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // texts and numbers always can be
		panic(err)
	}
	return string(b) + "\n"
}

// appliance is a TrueNAS at one moment.
type appliance struct {
	settings
	live
	// pending says that changes of interfaces were not checked in.
	pending bool
	// kinds are the types of the interfaces.
	kinds map[string]string
}

// hardware are the interfaces that are no VLAN and the like.
func (is appliance) hardware() []string {
	var all []string
	for _, l := range is.Links {
		if is.kinds[l.Name] == "PHYSICAL" {
			all = append(all, l.Name)
		}
	}
	return all
}

func readAppliance(ctx context.Context, m guest.Machine, c *middleware.Client) (is appliance, err error) {
	if is.pending, err = c.PendingChanges(ctx); err != nil {
		return is, err
	}
	all, err := c.Interfaces(ctx)
	if err != nil {
		return is, err
	}
	is.kinds, is.settings.Interfaces = map[string]string{}, map[string]row{}
	for _, i := range all {
		is.kinds[i.Name] = i.Type
		is.Links = append(is.Links, linkOf(i))
		if i.Configured() {
			is.settings.Interfaces[i.Name] = rowOf(i)
		}
	}
	routes, err := c.SystemRoutes(ctx)
	if err != nil {
		return is, err
	}
	for _, r := range routes {
		if route, ok := routeOf(r); ok {
			is.live.Routes = append(is.live.Routes, route)
		}
	}
	static, err := c.StaticRoutes(ctx)
	if err != nil {
		return is, err
	}
	is.settings.Routes = plainRoutes(static)
	var domain string
	if is.Globals, domain, err = c.Globals(ctx); err != nil {
		return is, err
	}
	if len(is.Globals.Domains) == 0 {
		is.Globals.Domains = nil
	}
	servers, err := resolvconf.Read(m, resolvconf.Path)
	// The machine's own domain is always searched first.
	is.dns = state.DNS{Servers: servers.Addresses, Search: servers.Search}
	if len(is.dns.Search) > 0 && is.dns.Search[0] == domain {
		is.dns.Search = is.dns.Search[1:]
	}
	return is, err
}

func rowOf(i middleware.Interface) row {
	r := row{DHCP: i.DHCP, Auto6: i.Auto6, Options: i.Options, Parent: i.Parent, Tag: i.Tag, PCP: i.PCP}
	for _, a := range i.Aliases {
		r.Aliases = append(r.Aliases, fmt.Sprintf("%s/%d", a.Address, a.Bits))
	}
	if i.MTU != nil {
		r.MTU = *i.MTU
	}
	if i.Description != nil {
		r.Description = *i.Description
	}
	return r
}

// linkOf is the interface in the kernel, as ip(8) would tell it.
func linkOf(i middleware.Interface) iproute.Link {
	l := iproute.Link{
		Name: i.Name, MAC: strings.ToLower(i.State.MAC), Below: i.Parent,
		Up: slices.Contains(i.State.Flags, "UP"), MTU: uint32(max(i.State.MTU, 0)),
	}
	for _, a := range i.State.Aliases {
		p, err := netip.ParsePrefix(fmt.Sprintf("%s/%d", a.Address, a.Bits))
		if err != nil {
			continue // a hardware address
		}
		p = netip.PrefixFrom(p.Addr().WithZone(""), p.Bits())
		fixed := slices.ContainsFunc(i.Aliases, func(c middleware.Alias) bool { return c.Address == a.Address && c.Bits == a.Bits })
		l.Addresses = append(l.Addresses, iproute.Address{
			Prefix: p, Link: p.Addr().IsLinkLocalUnicast(),
			Dynamic: !fixed && (p.Addr().Is4() && i.DHCP || p.Addr().Is6() && i.Auto6),
		})
	}
	return l
}

// routeOf is a route of the kernel through a router.
func routeOf(r middleware.SystemRoute) (iproute.Route, bool) {
	text, ok := r.Gateway.(string)
	via, err := netip.ParseAddr(text)
	network, err2 := netip.ParseAddr(r.Network)
	if !ok || err != nil || err2 != nil {
		return iproute.Route{}, false
	}
	mask := net.ParseIP(r.Netmask)
	if four := mask.To4(); network.Is4() && four != nil {
		mask = four
	}
	bits, of := net.IPMask(mask).Size()
	return iproute.Route{To: netip.PrefixFrom(network, bits), Via: via.WithZone(""), Dev: r.Interface, Protocol: "static"}, of > 0
}

// plainRoutes are the routes without what tells them apart from equal ones.
func plainRoutes(all []middleware.StaticRoute) []middleware.StaticRoute {
	var plain []middleware.StaticRoute
	for _, r := range all {
		r.ID = 0
		plain = append(plain, r)
	}
	return plain
}
