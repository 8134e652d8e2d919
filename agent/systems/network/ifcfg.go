package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/cloudinit"
	"innkeeper/agent/mechanisms/ifcfg"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/mechanisms/resolvconf"
	"innkeeper/agent/mechanisms/sysconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Sysconfig keeps the network in the files of Red Hat's initscripts, as
// Openfiler has it.
func Sysconfig() Section {
	return Section{configuration: func(context.Context, guest.Machine) (configuration, error) { return ifcfgFiles{}, nil }}
}

// ifcfgFiles are a file per interface, VLAN and further address, the routes
// beside it, the gateway in /etc/sysconfig/network and the name servers in
// /etc/resolv.conf, where Openfiler's web interface has them too.
type ifcfgFiles struct {
	// initscripts says that they are Red Hat's own and of their time, which
	// have IPv6; Openfiler's web interface knows none and drops it.
	initscripts bool
}

func (c ifcfgFiles) draft(_ context.Context, m guest.Machine, t target) ([]file, error) {
	d := ifcfgDraft{m: m, t: t}
	if cloudinit.Present(m) {
		off := cloudinit.Network
		d.file(cloudinit.NetworkFile, &off, "keep cloud-init from rewriting the network configuration")
	}
	for _, l := range t.links {
		if err := c.fits(t, l); err != nil {
			return nil, err
		}
		d.link(l)
	}
	d.gone()
	d.gateway()
	d.dns()
	return d.files, d.failed
}

// fits refuses what these files cannot say.
func (c ifcfgFiles) fits(t target, l link) error {
	if !c.initscripts {
		field := ""
		switch {
		case l.DHCP6:
			field = "dhcp6"
		case l.SLAAC:
			field = "slaac"
		case l.Gateway6 != "":
			field = "gateway6"
		}
		for i, p := range l.Prefixes() {
			if p.Addr().Is6() {
				field = fmt.Sprintf("addresses[%d]", i)
			}
		}
		for i, r := range l.Routes {
			if strings.Contains(r.To, ":") {
				field = fmt.Sprintf("routes[%d]", i)
			}
		}
		if field != "" {
			return section.Errorf(section.Unsupported, l.path(field), "Openfiler's own network configuration has no IPv6, and drops it the next time it is saved")
		}
	}
	if dns := t.network.DNS; dns != nil && l.DHCP4 && len(dns.Servers) == 0 && len(dns.Search) > 0 {
		return section.Errorf(section.Unsupported, "network.dns.search", "here the DHCP client writes %s as a whole, or not at all; give network.dns.servers too", resolvconf.Path)
	}
	return nil
}

// ifcfgDraft gathers the files.
type ifcfgDraft struct {
	m      guest.Machine
	t      target
	files  []file
	failed error
}

func (d *ifcfgDraft) file(path string, want *string, summary string) {
	f, err := plan(d.m, path, want, 0o644, summary)
	if err != nil {
		d.failed = errors.Join(d.failed, err)
		return
	}
	if f.is != nil || f.want != nil {
		d.files = append(d.files, f)
	}
}

// link is the file of a link, those of its further addresses, and its routes.
func (d *ifcfgDraft) link(l link) {
	var four, six []netip.Prefix
	for _, p := range l.Prefixes() {
		if p.Addr().Is4() {
			four = append(four, p)
		} else {
			six = append(six, p)
		}
	}
	further := four
	if !l.DHCP4 && len(four) > 0 {
		further = four[1:]
	}
	is, err := places.ReadFile(d.m, ifcfg.File(l.device))
	d.failed = errors.Join(d.failed, err)
	before := places.Text(is)
	if l.VLAN != nil && is == nil {
		before = ownVLAN
	}
	want := ifcfg.Set(before, d.t.settings(l, four, six))
	d.file(ifcfg.File(l.device), &want, "write the configuration of "+l.device)
	for n, p := range further {
		device := fmt.Sprintf("%s:%d", l.device, n+1)
		alias := ifcfg.Set("", append([]ifcfg.Setting{{Key: "DEVICE", Value: device}, {Key: "ONBOOT", Value: "yes"}}, address4(p)...))
		d.file(ifcfg.File(device), &alias, "write the address "+p.String()+" of "+l.device)
	}
	d.goneAliases(l, len(further))
	var routes4, routes6 strings.Builder
	for _, r := range l.wantedRoutes() {
		if r.To.Bits() == 0 {
			continue
		}
		out := &routes4
		if r.To.Addr().Is6() {
			out = &routes6
		}
		fmt.Fprintf(out, "%s via %s dev %s", r.To, r.Via, l.device)
		if r.Metric != 0 {
			fmt.Fprintf(out, " metric %d", r.Metric)
		}
		out.WriteString("\n")
	}
	d.file(ifcfg.RouteFile(l.device), unlessEmpty(routes4.String()), "write the routes of "+l.device)
	d.file(ifcfg.Route6File(l.device), unlessEmpty(routes6.String()), "write the IPv6 routes of "+l.device)
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// settings are the assignments of a link's file, in the order in which
// Openfiler's web interface writes them.
func (t target) settings(l link, four, six []netip.Prefix) []ifcfg.Setting {
	var all []ifcfg.Setting
	add := func(key, value string) { all = append(all, ifcfg.Setting{Key: key, Value: value}) }
	add("DEVICE", l.device)
	if l.VLAN != nil {
		add("VLAN", "yes")
	}
	if l.MTU != 0 {
		add("MTU", fmt.Sprint(l.MTU))
	}
	add("USERCTL", "no")
	add("ONBOOT", yes(!l.Down()))
	switch {
	case l.DHCP4:
		add("BOOTPROTO", "dhcp")
		if t.ownServers() {
			add("PEERDNS", "no")
		}
	default:
		add("BOOTPROTO", "static")
		if len(four) > 0 {
			all = append(all, address4(four[0])...)
		}
	}
	if l.VLAN == nil && l.mac != "" {
		add("HWADDR", strings.ToUpper(l.mac))
	}
	if !l.Has6() {
		return all
	}
	add("IPV6INIT", "yes")
	add("IPV6_AUTOCONF", yes(l.SLAAC))
	if l.DHCP6 {
		add("DHCPV6C", "yes")
	}
	if len(six) > 0 {
		add("IPV6ADDR", six[0].String())
	}
	if len(six) > 1 {
		var more []string
		for _, p := range six[1:] {
			more = append(more, p.String())
		}
		add("IPV6ADDR_SECONDARIES", `"`+strings.Join(more, " ")+`"`)
	}
	if l.Gateway6 != "" {
		add("IPV6_DEFAULTGW", l.Gateway6)
	}
	return all
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func address4(p netip.Prefix) []ifcfg.Setting {
	return []ifcfg.Setting{
		{Key: "IPADDR", Value: p.Addr().String()},
		{Key: "NETMASK", Value: net.IP(net.CIDRMask(p.Bits(), 32)).String()},
	}
}

// goneAliases takes away further addresses of a link beyond those that are desired.
func (d *ifcfgDraft) goneAliases(l link, kept int) {
	entries, err := d.m.ReadDir(ifcfg.Dir)
	d.failed = errors.Join(d.failed, err)
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "ifcfg-"+l.device+":")
		if !ok {
			continue
		}
		wanted := false
		for n := range kept {
			wanted = wanted || number == fmt.Sprint(n+1)
		}
		if !wanted {
			d.file(path.Join(ifcfg.Dir, e.Name()), nil, "remove the further address "+strings.TrimPrefix(e.Name(), "ifcfg-"))
		}
	}
}

// ownVLAN is the first line of the file of a VLAN that guestd made. Nothing else
// tells it from the owner's: here every VLAN has the same form.
const ownVLAN = "# guestd made this VLAN.\n"

// gone takes away VLANs of guestd's own, on interfaces of the target, that it
// no longer has.
func (d *ifcfgDraft) gone() {
	entries, err := d.m.ReadDir(ifcfg.Dir)
	d.failed = errors.Join(d.failed, err)
	for _, e := range entries {
		device, ok := strings.CutPrefix(e.Name(), "ifcfg-")
		below, _, vlan := strings.Cut(device, ".")
		if !ok || !vlan || strings.Contains(device, ":") || !d.t.has(below) || d.t.has(device) {
			continue
		}
		if is, err := places.ReadFile(d.m, ifcfg.File(device)); err == nil && strings.Contains(places.Text(is), ownVLAN) {
			d.file(ifcfg.File(device), nil, "remove the VLAN "+device)
			d.file(ifcfg.RouteFile(device), nil, "remove the routes of "+device)
			d.file(ifcfg.Route6File(device), nil, "remove the IPv6 routes of "+device)
		}
	}
}

// gateway keeps GATEWAY and GATEWAYDEV of /etc/sysconfig/network: not in the
// interface's file, where Openfiler's web interface drops it.
func (d *ifcfgDraft) gateway() {
	is, err := places.ReadFile(d.m, sysconfig.NetworkFile)
	d.failed = errors.Join(d.failed, err)
	before := places.Text(is)
	device, router := "", ""
	for _, l := range d.t.links {
		if l.Gateway4 != "" {
			device, router = l.device, l.Gateway4
		}
	}
	want := before
	if device != "" {
		want = sysconfig.Set(sysconfig.Set(before, "GATEWAY", router), "GATEWAYDEV", device)
	} else if at, _ := sysconfig.Get(before, "GATEWAYDEV"); at == "" || d.t.has(at) {
		// Without a word of the device it would be that of any.
		want = sysconfig.Remove(sysconfig.Remove(before, "GATEWAY"), "GATEWAYDEV")
	}
	d.file(sysconfig.NetworkFile, &want, "write the gateway")
}

func (d *ifcfgDraft) dns() {
	dns := d.t.network.DNS
	if dns == nil || len(dns.Servers)+len(dns.Search) == 0 {
		return
	}
	is, err := places.ReadFile(d.m, resolvconf.Path)
	d.failed = errors.Join(d.failed, err)
	now := resolvconf.Parse(places.Text(is))
	want := places.Text(is)
	if !begins(now.Addresses, dns.Servers) || !begins(now.Search, dns.Search) || len(now.Addresses) > len(dns.Servers) && len(dns.Servers) > 0 {
		want = resolvconf.Servers{Addresses: dns.Servers, Search: dns.Search}.Set(want)
	}
	d.file(resolvconf.Path, &want, "write where names are looked up")
}

func (ifcfgFiles) check(ctx context.Context, m guest.Machine, files []file) error {
	for _, f := range files {
		if f.want == nil || !f.changes() || !strings.HasPrefix(path.Base(f.path), "ifcfg-") && f.path != sysconfig.NetworkFile {
			continue
		}
		if err := ifcfg.Check(ctx, m, *f.want); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

// remember notes nothing: the files say all.
func (ifcfgFiles) remember(context.Context, guest.Machine, target) (map[string]string, error) {
	return nil, nil
}

func (ifcfgFiles) activation(t target, files []file) []step {
	var down, up, vlans []step
	for _, f := range files {
		device, ok := strings.CutPrefix(path.Base(f.path), "ifcfg-")
		if _, there := t.is.Link(device); ok && there && f.want == nil && f.is != nil {
			down = append(down, may(deleteLink(device)))
		}
	}
	for _, l := range t.links {
		if _, there := t.is.Link(l.device); there {
			// VLANs before what they lie on. What is down already may fail.
			if l.VLAN != nil {
				down = append([]step{may(ifcfg.Down(l.device))}, down...)
			} else {
				down = append(down, may(ifcfg.Down(l.device)))
			}
		}
		switch {
		case l.Down():
		case l.VLAN != nil:
			vlans = append(vlans, must(ifcfg.Up(l.device)))
		default:
			up = append(up, must(ifcfg.Up(l.device)))
		}
	}
	return append(append(down, up...), vlans...)
}

// revert takes each interface down and up again as its file, put back, says.
// A VLAN comes after what it lies on; one beside those of the document is
// brought up only if it is gone.
func (ifcfgFiles) revert(ctx context.Context, m guest.Machine, c checkpoint) error {
	is, err := iproute.Read(ctx, m)
	if err != nil {
		return err
	}
	var failed error
	for _, l := range c.belowFirst() {
		_, there := is.Link(l.Device)
		switch {
		case there && !l.There:
			failed = errors.Join(failed, run(ctx, m, deleteLink(l.Device)))
			continue
		case !l.There || there && l.Beside:
			continue
		case there:
			_, _ = m.Run(ctx, ifcfg.Down(l.Device)) // it may be down already
		}
		if l.Up {
			failed = errors.Join(failed, run(ctx, m, ifcfg.Up(l.Device)))
		}
	}
	return failed
}

// servers are those of the C library.
func (ifcfgFiles) servers(_ context.Context, m guest.Machine, _ target) (state.DNS, error) {
	s, err := resolvconf.Read(m, resolvconf.Path)
	return state.DNS{Servers: s.Addresses, Search: s.Search}, err
}
