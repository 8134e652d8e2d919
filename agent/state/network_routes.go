package state

import (
	"fmt"
	"net/netip"
	"strings"
)

func (v *networkValidator) gateways(path string, i Interface, subnets []netip.Prefix) {
	if i.Gateway4 != "" {
		v.gateway(under(path, "gateway4"), i.Gateway4, "IPv4", netip.Addr.Is4, subnets, i.DHCP4, &v.gateway4)
	}
	if i.Gateway6 != "" {
		v.gateway(under(path, "gateway6"), i.Gateway6, "IPv6", netip.Addr.Is6, subnets, i.SLAAC, &v.gateway6)
	}
}

func (v *networkValidator) gateway(path, text, family string, is func(netip.Addr) bool, subnets []netip.Prefix, told bool, first *string) {
	a, err := netip.ParseAddr(text)
	if err != nil || !is(a) {
		v.ps.add(path, "%s is not an %s address", quoted(text), family)
		return
	}
	if problem := stationProblem(a); problem != "" {
		v.ps.add(path, "%s %s", quoted(text), problem)
		return
	}
	if told {
		v.ps.add(path, "is given beside what the network tells by itself; leave one of them out")
		return
	}
	if *first != "" {
		v.ps.add(path, "is a second way to everywhere; %s is the first", *first)
		return
	}
	*first = path
	v.reachable(path, a, subnets, false)
}

// reachable adds a problem unless the interface reaches the router directly.
// Told says that it takes addresses of that kind from the network, so that
// nothing can be said beforehand.
func (v *networkValidator) reachable(path string, router netip.Addr, subnets []netip.Prefix, told bool) {
	if router.Is6() && router.IsLinkLocalUnicast() {
		return
	}
	for _, s := range subnets {
		if s.Addr() == router {
			v.ps.add(path, "%s is the interface's own address", router)
			return
		}
		if s.Contains(router) {
			return
		}
	}
	if !told {
		v.ps.add(path, "%s is in the network of none of the interface's addresses", router)
	}
}

func (v *networkValidator) routes(path string, i Interface, subnets []netip.Prefix) {
	if len(i.Routes) > maxRoutes {
		v.ps.add(under(path, "routes"), "has %d routes; at most %d are allowed", len(i.Routes), maxRoutes)
		return
	}
	seen := map[string]int{}
	for n, r := range i.Routes {
		where := at(under(path, "routes"), n)
		to, ok := v.destination(under(where, "to"), r.To)
		via, err := netip.ParseAddr(r.Via)
		if err != nil {
			v.ps.add(under(where, "via"), "%s is not an address", quoted(r.Via))
			continue
		}
		if problem := stationProblem(via); problem != "" {
			v.ps.add(under(where, "via"), "%s %s", quoted(r.Via), problem)
			continue
		}
		if !ok {
			continue
		}
		if via.Is4() != to.Addr().Is4() {
			v.ps.add(under(where, "via"), "%s is not of the same family as %s", via, to)
			continue
		}
		v.reachable(under(where, "via"), via, subnets, via.Is4() && i.DHCP4 || via.Is6() && (i.DHCP6 || i.SLAAC))
		key := fmt.Sprint(to, " ", r.Metric)
		if first, twice := seen[key]; twice {
			v.ps.add(where, "goes to the same network with the same metric as %s", at(under(path, "routes"), first))
			continue
		}
		seen[key] = n
	}
}

func (v *networkValidator) destination(path, text string) (netip.Prefix, bool) {
	to, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		v.ps.add(path, "%s is not a network like 198.51.100.0/24", quoted(text))
	case to.Bits() == 0:
		v.ps.add(path, "%s is everywhere; that is gateway4 and gateway6", quoted(text))
	case to.Addr().Is4In6():
		v.ps.add(path, "%s is an IPv4 network written as IPv6; write it as IPv4", quoted(text))
	case to.Addr() != to.Masked().Addr():
		v.ps.add(path, "%s has bits behind its prefix; the network is %s", quoted(text), to.Masked())
	case to.Addr().IsMulticast(), to.Addr().IsLoopback(), to.Addr().IsLinkLocalUnicast():
		v.ps.add(path, "%s is not a network that a router can be the way to", quoted(text))
	default:
		return to, true
	}
	return to, false
}

func (d DNS) validate(ps *problems) {
	if len(d.Servers) > maxServers {
		ps.add("network.dns.servers", "has %d servers; at most %d are asked", len(d.Servers), maxServers)
	}
	seen := map[netip.Addr]bool{}
	for n, text := range d.Servers {
		where := at("network.dns.servers", n)
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			ps.add(where, "%s is not an address", quoted(text))
		case a.IsLoopback() && !a.Is4In6(): // a resolver of the machine's own
		case stationProblem(a) != "":
			ps.add(where, "%s %s", quoted(text), stationProblem(a))
		}
		if err == nil && seen[a] {
			ps.add(where, "%s is there twice", quoted(text))
		}
		seen[a] = err == nil
	}
	d.validateSearch(ps)
}

func (d DNS) validateSearch(ps *problems) {
	if len(d.Search) > maxSearch {
		ps.add("network.dns.search", "has %d domains; at most %d are searched", len(d.Search), maxSearch)
	}
	seen, length := map[string]bool{}, 0
	for n, domain := range d.Search {
		where := at("network.dns.search", n)
		length += len(domain) + 1
		if problem := domainProblem(domain); problem != "" {
			ps.add(where, "%s", problem)
			continue
		}
		if key := strings.ToLower(domain); seen[key] {
			ps.add(where, "%s is there twice", quoted(domain))
		} else {
			seen[key] = true
		}
	}
	if length > longestSearch {
		ps.add("network.dns.search", "is %d characters long; at most %d are searched", length, longestSearch)
	}
}

// domainProblem says what is wrong with a DNS domain, or nothing.
func domainProblem(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 253:
		return quoted(s) + " is longer than 253 characters"
	case strings.HasSuffix(s, "."):
		return quoted(s) + " ends in a dot; leave it out"
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return quoted(s) + " has an empty part between its dots"
		}
		if problem := labelProblem(label, "domain"); problem != "" {
			return problem
		}
	}
	return ""
}
