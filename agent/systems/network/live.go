package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/state"
)

// live is what is true on the machine at one moment.
type live struct {
	iproute.Network
	dns state.DNS
}

// Actual is what is reported of the machine: the desired value's shape, and
// what the network itself gave.
type Actual struct {
	Interfaces []ActualInterface `json:"interfaces"`
	DNS        state.DNS         `json:"dns"`
}

// ActualInterface is one interface that the document names.
type ActualInterface struct {
	state.Interface
	// Device is its name on the machine.
	Device string `json:"device"`
	// Leased are the addresses that DHCP or router advertisements gave.
	Leased []string `json:"leased,omitempty"`
}

// actual is the section's value as the machine has it.
func (t target) actual(is live) Actual {
	a := Actual{DNS: is.dns}
	for _, l := range t.links {
		i := ActualInterface{Device: l.device}
		i.MAC, i.Name, i.VLAN = l.MAC, l.Name, l.VLAN
		d, there := is.Link(l.device)
		if !there || !d.Up {
			i.State = state.InterfaceDown
		}
		i.MTU = d.MTU
		for _, address := range d.Addresses {
			switch {
			case address.Link:
			case address.Dynamic:
				i.Leased = append(i.Leased, address.String())
				i.DHCP4 = i.DHCP4 || address.Addr().Is4()
				// Which of the two it was cannot be seen from the address.
				i.DHCP6 = i.DHCP6 || address.Addr().Is6() && l.DHCP6
				i.SLAAC = i.SLAAC || address.Addr().Is6() && l.SLAAC
			default:
				i.Addresses = append(i.Addresses, address.String())
			}
		}
		for _, r := range is.Routes {
			switch {
			case r.Dev != l.device || !r.Via.IsValid():
			case r.To.Bits() > 0:
				i.Routes = append(i.Routes, state.Route{To: r.To.String(), Via: r.Via.String(), Metric: r.Metric})
			case r.To.Addr().Is4():
				i.Gateway4 = r.Via.String()
			default:
				i.Gateway6 = r.Via.String()
			}
		}
		a.Interfaces = append(a.Interfaces, i)
	}
	return a
}

// deviations says in words what of the target is not true.
func (t target) deviations(is live) []string {
	var wrong []string
	for _, l := range t.links {
		d, there := is.Link(l.device)
		if !there {
			wrong = append(wrong, l.device+" is not there")
			continue
		}
		for _, w := range append(l.linkWrong(d), l.routesWrong(is.Routes)...) {
			wrong = append(wrong, l.device+" "+w)
		}
	}
	if dns := t.network.DNS; dns != nil {
		// Other interfaces may add some behind.
		if !begins(is.dns.Servers, dns.Servers) {
			wrong = append(wrong, fmt.Sprintf("the name servers are %s, not %s", list(is.dns.Servers), list(dns.Servers)))
		}
		if !begins(is.dns.Search, dns.Search) {
			wrong = append(wrong, fmt.Sprintf("the search domains are %s, not %s", list(is.dns.Search), list(dns.Search)))
		}
	}
	return wrong
}

// linkWrong says what of a link itself is not as desired.
func (l link) linkWrong(d iproute.Link) []string {
	var wrong []string
	if !l.Down() && !d.Up {
		wrong = append(wrong, "is down")
	}
	if l.MTU != 0 && d.MTU != l.MTU {
		wrong = append(wrong, fmt.Sprintf("has an MTU of %d, not %d", d.MTU, l.MTU))
	}
	want := l.Prefixes()
	for _, p := range want {
		i := slices.IndexFunc(d.Addresses, func(a iproute.Address) bool { return a.Prefix == p })
		switch {
		case i < 0:
			wrong = append(wrong, "lacks the address "+p.String())
		case d.Addresses[i].Failed:
			wrong = append(wrong, "has the address "+p.String()+", which another machine has too")
		case d.Addresses[i].Dynamic && !l.lends(p.Addr()):
			wrong = append(wrong, "has the address "+p.String()+" lent only")
		}
	}
	for _, a := range d.Addresses {
		if !a.Link && !slices.Contains(want, a.Prefix) && !l.mayHave(a) {
			wrong = append(wrong, "has the address "+a.String()+" too")
		}
	}
	return wrong
}

// lends says whether the network may lend the link addresses of that family.
func (l link) lends(a netip.Addr) bool {
	if a.Is4() {
		return l.DHCP4
	}
	return l.DHCP6 || l.SLAAC
}

// mayHave says whether an address that is not in the document may be there.
func (l link) mayHave(a iproute.Address) bool {
	if l.Down() {
		return false
	}
	// One that a router advertised before is left to run out.
	return l.lends(a.Addr()) || a.Addr().Is6() && a.Dynamic
}

// routesWrong says what of a link's routes is not as desired.
func (l link) routesWrong(all []iproute.Route) []string {
	var wrong []string
	want := l.wantedRoutes()
	for _, w := range want {
		if !slices.ContainsFunc(all, func(r iproute.Route) bool { return l.fits(w, r) }) {
			wrong = append(wrong, "lacks the route to "+w.To.String()+" via "+w.Via.String())
		}
	}
	for _, r := range all {
		if r.Dev != l.device || !r.Via.IsValid() || l.told(r) {
			continue
		}
		if !slices.ContainsFunc(want, func(w iproute.Route) bool { return l.fits(w, r) }) {
			wrong = append(wrong, "has the route to "+r.To.String()+" via "+r.Via.String()+" too")
		}
	}
	return wrong
}

// told says whether the network itself may have told a route.
func (l link) told(r iproute.Route) bool {
	switch {
	case r.Protocol == "ra", r.Protocol == "redirect":
		return true
	case r.To.Addr().Is4():
		// ISC's dhclient leaves its routes without a word of where they are from.
		return l.DHCP4 && (r.Protocol == "dhcp" || r.To.Bits() == 0)
	}
	return (l.DHCP6 || l.SLAAC) && r.To.Bits() == 0
}

func (l link) wantedRoutes() []iproute.Route {
	var want []iproute.Route
	add := func(to, via string, metric uint32) {
		p, err := netip.ParsePrefix(to)
		if err != nil {
			return
		}
		if a, err := netip.ParseAddr(via); err == nil {
			want = append(want, iproute.Route{To: p, Via: a, Metric: metric, Dev: l.device})
		}
	}
	if l.Gateway4 != "" {
		add("0.0.0.0/0", l.Gateway4, 0)
	}
	if l.Gateway6 != "" {
		add("::/0", l.Gateway6, 0)
	}
	for _, r := range l.Routes {
		add(r.To, r.Via, r.Metric)
	}
	return want
}

func (l link) fits(want, is iproute.Route) bool {
	return is.Dev == l.device && is.To == want.To && is.Via == want.Via && (want.Metric == 0 || is.Metric == want.Metric)
}

// unleased says which links still wait for an answer to DHCP.
func (t target) unleased(is live) []string {
	var waiting []string
	for _, l := range t.links {
		d, _ := is.Link(l.device)
		got := slices.ContainsFunc(d.Addresses, func(a iproute.Address) bool {
			return a.Addr().Is4() && !a.Link && !slices.Contains(l.Prefixes(), a.Prefix)
		})
		// A lease of an address that is also a fixed one shows no second time.
		same := slices.ContainsFunc(d.Addresses, func(a iproute.Address) bool { return a.Addr().Is4() && a.Dynamic })
		if l.DHCP4 && !got && !same {
			waiting = append(waiting, l.device+" got no address by DHCP")
		}
	}
	return waiting
}

func begins(is, want []string) bool {
	return len(is) >= len(want) && slices.Equal(is[:len(want)], want)
}

func list(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
