package iproute

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseLinks reads the output of "ip -o link show".
func ParseLinks(text string) ([]Link, error) {
	var links []Link
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.ReplaceAll(line, `\`, " "))
		if len(words) == 0 {
			continue
		}
		if len(words) < 3 || !strings.HasSuffix(words[0], ":") || !strings.HasSuffix(words[1], ":") || !strings.HasPrefix(words[2], "<") {
			return nil, malformed("read the links", line)
		}
		name, below, _ := strings.Cut(strings.TrimSuffix(words[1], ":"), "@")
		if name == "" {
			return nil, malformed("read the links", line)
		}
		l := Link{Name: name, Below: below}
		for flag := range strings.SplitSeq(strings.Trim(words[2], "<>"), ",") {
			l.Up = l.Up || flag == "UP"
		}
		for i := 3; i+1 < len(words); i++ {
			switch words[i] {
			case "mtu":
				mtu, err := strconv.ParseUint(words[i+1], 10, 32)
				if err != nil {
					return nil, malformed("read the links", line)
				}
				l.MTU = uint32(mtu)
			case "link/ether":
				l.MAC = strings.ToLower(words[i+1])
			}
		}
		links = append(links, l)
	}
	return links, nil
}

// parseAddresses reads the output of "ip -o addr show" into the links.
func parseAddresses(text string, links []Link) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.ReplaceAll(line, `\`, " "))
		if len(words) < 3 || words[2] != "inet" && words[2] != "inet6" {
			continue // old versions repeat the link here
		}
		a, ok := address(words[3:])
		if !ok {
			return malformed("read the addresses", line)
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(words[1], ":"), "@")
		for i := range links {
			if links[i].Name == name {
				links[i].Addresses = append(links[i].Addresses, a)
			}
		}
	}
	return nil
}

func address(words []string) (Address, bool) {
	if len(words) == 0 {
		return Address{}, false
	}
	text := words[0]
	if len(words) > 2 && words[1] == "peer" {
		// The prefix stands with the other end; the address is one of its own.
		text += "/32"
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return Address{}, false
	}
	a := Address{Prefix: p}
	for i, w := range words[1:] {
		switch w {
		case "dynamic":
			a.Dynamic = true
		case "dadfailed":
			a.Failed = true
		case "scope":
			a.Link = i+2 < len(words) && words[i+2] != "global"
		}
	}
	return a, true
}

// ParseRoutes reads the output of "ip route show" in one of the two families.
// What is no way to a single router (blackholes, several routers at once) is
// left out.
func ParseRoutes(text string, six bool) ([]Route, error) {
	var routes []Route
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || line[0] == ' ' || line[0] == '\t' {
			continue // the routers of a route with several
		}
		switch words[0] {
		case "unreachable", "blackhole", "prohibit", "throw", "broadcast", "local", "multicast", "anycast":
			continue
		}
		r, ok := route(words, six)
		if !ok {
			return nil, malformed("read the routes", line)
		}
		if r.Dev != "" {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

func route(words []string, six bool) (Route, bool) {
	r := Route{Protocol: "boot"}
	to, ok := network(words[0], six)
	if !ok {
		return r, false
	}
	r.To = to
	for i := 1; i+1 < len(words); i++ {
		switch words[i] {
		case "via":
			next := words[i+1]
			if next == "inet6" && i+2 < len(words) {
				next = words[i+2]
			}
			via, err := netip.ParseAddr(next)
			if err != nil {
				return r, false
			}
			r.Via = via
		case "dev":
			r.Dev = words[i+1]
		case "proto":
			r.Protocol = words[i+1]
		case "metric":
			metric, err := strconv.ParseUint(words[i+1], 10, 32)
			if err != nil {
				return r, false
			}
			r.Metric = uint32(metric)
		}
	}
	return r, true
}

// network reads the first word of a route: "default", a network, or an
// address that is one alone.
func network(s string, six bool) (netip.Prefix, bool) {
	if s == "default" {
		if six {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}
