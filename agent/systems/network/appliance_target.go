package network

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// onTrueNAS is a target on a TrueNAS, where a VLAN has a name of its own.
type onTrueNAS struct{ target }

// ours is the description of the VLANs that guestd made.
const ours = "guestd"

// leastMTU is the middleware's bound (plugins/network.py, interface_create).
const leastMTU = 1492

func lookAtAppliance(ctx context.Context, m guest.Machine, c *middleware.Client, desired json.RawMessage) (onTrueNAS, appliance, error) {
	n, err := decode(desired)
	if err != nil {
		return onTrueNAS{}, appliance{}, err
	}
	if err := fitsTrueNAS(n); err != nil {
		return onTrueNAS{}, appliance{}, err
	}
	is, err := readAppliance(ctx, m, c)
	if err != nil {
		return onTrueNAS{}, is, err
	}
	t, err := resolve(n, is.Network)
	if err != nil {
		return onTrueNAS{}, is, err
	}
	on := onTrueNAS{t}
	on.rename(is)
	for _, l := range t.links {
		if kind := is.kinds[l.device]; l.VLAN == nil && kind != "PHYSICAL" {
			return on, is, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s is of the type %s; guestd manages network cards and the VLANs on them", l.device, kind)
		}
	}
	return on, is, nil
}

// rename gives the VLANs the names that they have there, or will get.
func (t onTrueNAS) rename(is appliance) {
	taken := maps.Clone(is.settings.Interfaces)
	for at := range t.links {
		l := &t.links[at]
		if l.VLAN == nil {
			continue
		}
		l.device = ""
		for _, name := range sorted(is.settings.Interfaces) {
			if r := is.settings.Interfaces[name]; r.Parent == l.below && r.Tag == int(l.VLAN.ID) {
				l.device = name
			}
		}
		for number := int(l.VLAN.ID); l.device == ""; number++ {
			name := fmt.Sprintf("vlan%d", number)
			if _, used := taken[name]; !used {
				l.device, taken[name] = name, row{}
			}
		}
	}
}

// fitsTrueNAS refuses what the middleware's schemas have not.
func fitsTrueNAS(n state.Network) error {
	unsupported := func(path, why string) error { return section.Errorf(section.Unsupported, path, "%s", why) }
	for at, i := range n.Interfaces {
		switch {
		case i.DHCP6:
			return unsupported(n.Path(at, "dhcp6"), "TrueNAS has no DHCPv6")
		case i.SLAAC:
			return unsupported(n.Path(at, "slaac"), "guestd sets fixed IPv6 addresses on TrueNAS; set Autoconfigure IPv6 in Network > Interfaces")
		case i.MTU != 0 && i.MTU < leastMTU:
			return unsupported(n.Path(at, "mtu"), fmt.Sprintf("TrueNAS takes no MTU below %d", leastMTU))
		}
		for k, r := range i.Routes {
			if r.Metric != 0 {
				return unsupported(n.Path(at, fmt.Sprintf("routes[%d].metric", k)), "FreeBSD's routes have none")
			}
		}
	}
	if n.DNS == nil {
		return nil
	}
	for k, text := range n.DNS.Servers {
		a, err := netip.ParseAddr(text)
		if err == nil && (a.IsLoopback() || a.Is4() && a.IsLinkLocalUnicast()) {
			return unsupported(fmt.Sprintf("network.dns.servers[%d]", k), "TrueNAS takes no loopback and no link-local address for a name server")
		}
	}
	if len(n.DNS.Search) > 5 {
		return unsupported("network.dns.search[5]", "TrueNAS has five search domains at most beside its own")
	}
	return nil
}

// onAppliance is TrueNAS' configuration as it should be.
func (t onTrueNAS) onAppliance(is appliance) (settings, error) {
	want := settings{Interfaces: maps.Clone(is.settings.Interfaces), Globals: t.globals(is), Routes: t.staticRoutes(is)}
	if len(want.Interfaces) == 0 {
		// With the first that is configured the others lose what they have: those
		// with a lease keep their DHCP client, all others are up.
		for _, device := range is.hardware() {
			d, _ := is.Link(device)
			want.Interfaces[device] = row{DHCP: save(d, savedLink{}).Leased}
		}
	}
	for _, device := range sorted(want.Interfaces) {
		r := want.Interfaces[device]
		if r.Description == ours && t.has(r.Parent) && !t.has(device) {
			delete(want.Interfaces, device)
		}
	}
	for _, l := range t.links {
		want.Interfaces[l.device] = l.row(want.Interfaces[l.device], t)
	}
	return want, t.fits(want)
}

// row is the configuration of a link in the place of is.
func (l link) row(is row, t onTrueNAS) row {
	r := row{DHCP: l.DHCP4, MTU: int(l.MTU), Description: is.Description, PCP: is.PCP}
	for _, four := range []bool{true, false} { // as the middleware tells them
		for _, p := range l.Prefixes() {
			if p.Addr().Is4() == four {
				r.Aliases = append(r.Aliases, p.String())
			}
		}
	}
	if sameSet(r.Aliases, is.Aliases) {
		r.Aliases = is.Aliases // in the order in which they were added
	}
	options := slices.DeleteFunc(strings.Fields(is.Options), func(word string) bool { return word == "down" })
	if l.Down() {
		options = append(options, "down")
	}
	r.Options = strings.Join(options, " ")
	if l.VLAN == nil {
		return r
	}
	r.Parent, r.Tag = l.below, int(l.VLAN.ID)
	if is.Parent == "" {
		r.Description = ours
	}
	if below := t.links[t.network.Below(*l.VLAN)]; r.MTU == 0 && below.MTU != 0 {
		r.MTU = int(below.MTU) // else it would be 1500, which may not fit
	}
	return r
}

func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(one string) bool { return !slices.Contains(b, one) })
}

// fits refuses what the middleware refuses of interfaces beside each other.
func (t onTrueNAS) fits(want settings) error {
	reached := false
	for _, l := range t.links {
		r := want.Interfaces[l.device]
		for _, other := range sorted(want.Interfaces) {
			o := want.Interfaces[other]
			reached = reached || o.DHCP || o.Auto6 || len(o.Aliases) > 0
			if other == l.device {
				continue
			}
			if r.DHCP && o.DHCP {
				return section.Errorf(section.Unsupported, l.path("dhcp4"), "TrueNAS lets one interface use DHCP, and %s does", other)
			}
			for k, text := range l.Addresses {
				if p, err := netip.ParsePrefix(text); err == nil && o.overlaps(p) {
					return section.Errorf(section.Unsupported, l.path(fmt.Sprintf("addresses[%d]", k)), "TrueNAS lets no network be on two interfaces, and %s is in this one too", other)
				}
			}
		}
		if below := want.Interfaces[r.Parent]; r.Parent != "" && r.MTU > cmp.Or(below.MTU, 1500) {
			return section.Errorf(section.Unsupported, l.path("mtu"), "TrueNAS lets no VLAN have a larger MTU than the interface it is on")
		}
	}
	if !reached {
		return section.Errorf(section.Unsupported, "network.interfaces", "TrueNAS wants one interface with DHCP or an address")
	}
	// Two that the document does not name cannot both keep their DHCP.
	var leased []string
	for _, device := range sorted(want.Interfaces) {
		if want.Interfaces[device].DHCP {
			leased = append(leased, device)
		}
	}
	if len(leased) > 1 {
		return section.Errorf(section.Unsupported, "network.interfaces", "TrueNAS lets one interface use DHCP once any is configured, and %s do; say in the document what they should have", strings.Join(leased, ", "))
	}
	return nil
}

func (r row) overlaps(p netip.Prefix) bool {
	return slices.ContainsFunc(r.Aliases, func(text string) bool {
		q, err := netip.ParsePrefix(text)
		return err == nil && q.Overlaps(p)
	})
}

// globals are the gateways and name servers as they should be. A gateway in
// the network of none of the target's interfaces stays.
func (t onTrueNAS) globals(is appliance) middleware.Globals {
	g := is.Globals
	if t.reaches(is, g.Gateway4) {
		g.Gateway4 = ""
	}
	if t.reaches(is, g.Gateway6) {
		g.Gateway6 = ""
	}
	for _, l := range t.links {
		switch {
		case l.Gateway4 != "":
			g.Gateway4 = l.Gateway4
		case l.DHCP4:
			g.Gateway4 = ""
		}
		if l.Gateway6 != "" {
			g.Gateway6 = zoned(l.Gateway6, l.device)
		}
	}
	if dns := t.network.DNS; dns != nil {
		servers := append(slices.Clone(dns.Servers), "", "", "")
		g.Server1, g.Server2, g.Server3 = servers[0], servers[1], servers[2]
		g.Domains = nil
		if len(dns.Search) > 0 {
			g.Domains = slices.Clone(dns.Search)
		}
	}
	return g
}

// zoned is an address with the interface that it is on, if it needs one.
func zoned(text, device string) string {
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" {
		return a.WithZone(device).String()
	}
	return text
}

// staticRoutes are the routes as they should be: those of the target's
// interfaces are the target's.
func (t onTrueNAS) staticRoutes(is appliance) []middleware.StaticRoute {
	wanted := map[[2]string]bool{}
	for _, l := range t.links {
		for _, r := range l.Routes {
			to, err := netip.ParsePrefix(r.To)
			if err == nil {
				wanted[[2]string{to.Masked().String(), zoned(r.Via, l.device)}] = true
			}
		}
	}
	var all []middleware.StaticRoute
	for _, r := range is.settings.Routes {
		key := [2]string{r.Destination, r.Gateway}
		if wanted[key] || !t.reaches(is, r.Gateway) {
			all = append(all, r)
		}
		delete(wanted, key)
	}
	for _, key := range slices.SortedFunc(maps.Keys(wanted), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		all = append(all, middleware.StaticRoute{Destination: key[0], Gateway: key[1], Description: strings.ToUpper(ours)})
	}
	return all
}

// reaches says whether a router is in a network that one of the target's
// interfaces has, is to have, or is configured to have.
func (t onTrueNAS) reaches(is appliance, router string) bool {
	a, err := netip.ParseAddr(router)
	if err != nil {
		return false
	}
	for _, l := range t.links {
		if a.Zone() != "" {
			if a.Zone() == l.device {
				return true
			}
			continue
		}
		d, _ := is.Link(l.device)
		for _, have := range d.Addresses {
			if have.Contains(a) {
				return true
			}
		}
		if is.settings.Interfaces[l.device].overlaps(netip.PrefixFrom(a, a.BitLen())) {
			return true
		}
		if slices.ContainsFunc(l.Prefixes(), func(p netip.Prefix) bool { return p.Contains(a) }) {
			return true
		}
	}
	return false
}
