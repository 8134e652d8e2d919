package state

import (
	"net"
	"net/netip"
	"strings"
	"unicode"
)

// The bounds of the section network.
const (
	maxInterfaces = 64
	maxAddresses  = 32
	maxRoutes     = 128
	minMTU        = 576  // RFC 791: every host must take a datagram of that size
	minMTU6       = 1280 // RFC 8200 section 5
	maxMTU        = 9216
	maxVLAN       = 4094 // IEEE 802.1Q: 0 and 4095 are reserved
	// maxServers and maxSearch are MAXNS and MAXDNSRCH of resolv.conf(5), which
	// most systems end up with.
	maxServers    = 3
	maxSearch     = 6
	longestSearch = 256
	longestName   = 255
)

// Validate says all that is wrong with the section, as an *InvalidError, or
// nil. What a system cannot do is for its driver to say.
func (n Network) Validate() error {
	ps := &problems{}
	switch {
	case len(n.Interfaces) == 0:
		ps.add("network.interfaces", "names no interface; leave the section out to manage none")
	case len(n.Interfaces) > maxInterfaces:
		ps.add("network.interfaces", "has %d interfaces; at most %d are allowed", len(n.Interfaces), maxInterfaces)
		return ps.err()
	}
	v := networkValidator{n: n, ps: ps, chosen: map[string]string{}, addresses: map[netip.Addr]string{}}
	for i := range n.Interfaces {
		v.one(i)
	}
	for i := range n.Interfaces {
		v.vlan(i)
	}
	if n.DNS != nil {
		n.DNS.validate(ps)
	}
	return ps.err()
}

// networkValidator holds what has been seen while the interfaces are walked.
type networkValidator struct {
	n         Network
	ps        *problems
	chosen    map[string]string     // by what an interface is chosen to its path
	addresses map[netip.Addr]string // to the path
	gateway4  string
	gateway6  string
}

func (v *networkValidator) one(index int) {
	i, path := v.n.Interfaces[index], at("network.interfaces", index)
	v.selector(path, i)
	switch i.State {
	case "", InterfaceUp:
	case InterfaceDown:
		if i.Has4() || i.Has6() || i.Gateway4 != "" || i.Gateway6 != "" || len(i.Addresses) > 0 || len(i.Routes) > 0 {
			v.ps.add(under(path, "state"), "is down, yet the interface has addresses, gateways or routes; leave those out")
			return
		}
	default:
		v.ps.add(under(path, "state"), "%s is neither up nor down", quoted(i.State))
		return
	}
	subnets := v.fixed(path, i)
	v.gateways(path, i, subnets)
	v.routes(path, i, subnets)
	v.mtu(path, i)
	if !i.Down() && len(i.Addresses) == 0 && !i.DHCP4 && !i.DHCP6 && !i.SLAAC && !v.carries(i) {
		v.ps.add(path, "has no address; give it addresses, dhcp4, dhcp6 or slaac, or set state to down")
	}
}

func (v *networkValidator) selector(path string, i Interface) {
	given := 0
	for _, is := range []bool{i.MAC != "", i.Name != "", i.VLAN != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		v.ps.add(path, "needs exactly one of mac, name and vlan, to say which interface it is")
		return
	}
	var key, field string
	switch {
	case i.MAC != "":
		field = under(path, "mac")
		mac, err := net.ParseMAC(i.MAC)
		if err != nil || len(mac) != 6 || !strings.Contains(i.MAC, ":") {
			v.ps.add(field, "%s is not a hardware address like 52:54:00:12:34:56", quoted(i.MAC))
			return
		}
		if mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00" {
			v.ps.add(field, "%s is not the address of one interface", quoted(i.MAC))
			return
		}
		key = "mac " + mac.String()
	case i.Name != "":
		field = under(path, "name")
		if problem := interfaceNameProblem(i.Name); problem != "" {
			v.ps.add(field, "%s", problem)
			return
		}
		key = "name " + i.Name
	default:
		return // vlan judges it when all interfaces are known
	}
	if first, twice := v.chosen[key]; twice {
		v.ps.add(field, "chooses the same interface as %s", first)
		return
	}
	v.chosen[key] = path
}

// interfaceNameProblem says what is wrong with a name that systems give to
// interfaces. It becomes a part of a file's name and a command's argument.
func interfaceNameProblem(s string) string {
	switch {
	case len(s) > longestName:
		return quoted(s) + " is longer than an interface's name can be"
	case s == "lo" || s == "lo0":
		return quoted(s) + " is the loopback interface, which is not managed"
	case s == "." || s == ".." || s != strings.TrimSpace(s) || s[0] == '-':
		return quoted(s) + " is not an interface's name"
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || strings.ContainsRune(`/\:"'*?<>|%$&;`+"`", c) {
			return quoted(s) + " has a character that is not allowed in an interface's name: " + quoted(string(c))
		}
	}
	return ""
}

// fixed judges the addresses and returns those that are good.
func (v *networkValidator) fixed(path string, i Interface) []netip.Prefix {
	if len(i.Addresses) > maxAddresses {
		v.ps.add(under(path, "addresses"), "has %d addresses; at most %d are allowed", len(i.Addresses), maxAddresses)
		return nil
	}
	var good []netip.Prefix
	for n, text := range i.Addresses {
		where := at(under(path, "addresses"), n)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			v.ps.add(where, "%s is not an address with its prefix, like 192.0.2.10/24 or 2001:db8::10/64", quoted(text))
			continue
		}
		if problem := addressProblem(p); problem != "" {
			v.ps.add(where, "%s %s", quoted(text), problem)
			continue
		}
		if first, twice := v.addresses[p.Addr()]; twice {
			v.ps.add(where, "%s is the same address as %s", quoted(text), first)
			continue
		}
		v.addresses[p.Addr()] = where
		good = append(good, p)
	}
	return good
}

func addressProblem(p netip.Prefix) string {
	if problem := stationProblem(p.Addr()); problem != "" {
		return problem
	}
	if p.Bits() == 0 {
		return "has a prefix of no bits"
	}
	if p.Addr().Is4() && p.Bits() < 31 { // RFC 3021: of two addresses both are hosts
		if p.Masked().Addr() == p.Addr() {
			return "is the address of the network itself"
		}
		if broadcast(p) == p.Addr() {
			return "is the network's broadcast address"
		}
	}
	return ""
}

// stationProblem says why an address cannot be one machine's.
func stationProblem(a netip.Addr) string {
	switch {
	case a.Is4In6():
		return "is an IPv4 address written as IPv6; write it as IPv4"
	case a.Zone() != "":
		return "names an interface behind %; leave that out"
	case a.IsUnspecified(), a.IsMulticast(), a.IsLoopback(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "is not the address of one machine on a network"
	case a.Is4() && a.As4()[0] == 0, a.Is4() && a.As4()[0] >= 240:
		return "is in a range that no machine may have (RFC 6890)"
	}
	return ""
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

func (v *networkValidator) mtu(path string, i Interface) {
	where := under(path, "mtu")
	switch {
	case i.MTU == 0:
	case i.MTU < minMTU || i.MTU > maxMTU:
		v.ps.add(where, "%d is not from %d to %d", i.MTU, minMTU, maxMTU)
	case i.MTU < minMTU6 && i.Has6():
		v.ps.add(where, "%d is too little for IPv6, which needs %d", i.MTU, minMTU6)
	}
}

// carries says whether a VLAN of the document lies on the interface.
func (v *networkValidator) carries(i Interface) bool {
	for _, other := range v.n.Interfaces {
		if other.VLAN != nil && i.is(other.VLAN.On) {
			return true
		}
	}
	return false
}

// is says whether the interface is chosen by that MAC or name.
func (i Interface) is(on string) bool {
	return on != "" && (i.Name == on || i.MAC != "" && strings.EqualFold(i.MAC, on))
}

// Below is the index of the interface that a VLAN lies on, or -1.
func (n Network) Below(v VLAN) int {
	for index, i := range n.Interfaces {
		if i.is(v.On) {
			return index
		}
	}
	return -1
}

func (v *networkValidator) vlan(index int) {
	i := v.n.Interfaces[index]
	if i.VLAN == nil {
		return
	}
	path := under(at("network.interfaces", index), "vlan")
	if i.VLAN.ID < 1 || i.VLAN.ID > maxVLAN {
		v.ps.add(under(path, "id"), "%d is not from 1 to %d", i.VLAN.ID, maxVLAN)
	}
	below := v.n.Below(*i.VLAN)
	if below < 0 {
		v.ps.add(under(path, "on"), "%s is neither the mac nor the name of an interface of the document", quoted(i.VLAN.On))
		return
	}
	parent := v.n.Interfaces[below]
	if parent.Down() && !i.Down() {
		v.ps.add(under(path, "on"), "%s is down, and a VLAN on it with it", quoted(i.VLAN.On))
	}
	if parent.MTU != 0 && i.MTU > parent.MTU {
		v.ps.add(under(at("network.interfaces", index), "mtu"), "%d is more than the %d of the interface below", i.MTU, parent.MTU)
	}
	for other := range index {
		if o := v.n.Interfaces[other].VLAN; o != nil && o.ID == i.VLAN.ID && v.n.Below(*o) == below {
			v.ps.add(path, "is the same VLAN as %s", at("network.interfaces", other))
		}
	}
}
