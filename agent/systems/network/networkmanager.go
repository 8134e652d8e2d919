package network

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/cloudinit"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/mechanisms/networkmanager"
	"innkeeper/agent/mechanisms/resolvconf"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// NetworkManager keeps the network in keyfiles of guestd's own, as CentOS has
// it, or in Red Hat's ifcfg files where the service network is at work instead,
// as it may be on CentOS 7. Which of the two is found out each time.
func NetworkManager() Section {
	return Section{configuration: func(ctx context.Context, m guest.Machine) (configuration, error) {
		running, err := networkmanager.Running(ctx, m)
		if err != nil {
			return nil, err
		}
		if running {
			return keyfiles{}, nil
		}
		return ifcfgFiles{initscripts: true}, nil
	}}
}

// keyfiles are one connection per interface, with a priority over those of
// others: what the owner or the installer made stays, and is at rest.
type keyfiles struct{}

// priority is the greatest that NetworkManager knows, nm-settings(5)
// connection.autoconnect-priority.
const priority = 999

func (keyfiles) draft(ctx context.Context, m guest.Machine, t target) ([]file, error) {
	devices, err := networkmanager.Devices(ctx, m)
	if err != nil {
		return nil, err
	}
	var files []file
	if cloudinit.Present(m) {
		off := cloudinit.Network
		f, err := plan(m, cloudinit.NetworkFile, &off, 0o644, "keep cloud-init from rewriting the network configuration")
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, l := range t.links {
		if devices[l.device].State == "unmanaged" {
			return nil, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "NetworkManager is told to leave %s alone (nmcli device: unmanaged), while it runs the rest of this machine's network", l.device)
		}
		if err := t.fitsNetworkManager(l); err != nil {
			return nil, err
		}
		keyfile := t.keyfile(l)
		f, err := plan(m, networkmanager.File(l.device), &keyfile, networkmanager.Mode, "write the connection of "+l.device)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	gone, err := t.goneFiles(m, networkmanager.Dir, networkmanager.ID(""), ".nmconnection")
	return append(files, gone...), err
}

// fitsNetworkManager refuses name servers of a family in which the link that
// should ask them has no address: NetworkManager keeps them by family.
func (t target) fitsNetworkManager(l link) error {
	dns := t.dnsFor(l)
	if dns == nil {
		return nil
	}
	for i, s := range dns.Servers {
		a, err := netip.ParseAddr(s)
		if err == nil && (a.Is4() && !l.Has4() || a.Is6() && !l.Has6()) {
			return section.Errorf(section.Unsupported, fmt.Sprintf("network.dns.servers[%d]", i), "NetworkManager asks %s through %s only if that has an address of the same family", s, l.device)
		}
	}
	return nil
}

// goneFiles are the files of guestd's own VLANs that are no longer desired, on
// interfaces of the target.
func (t target) goneFiles(m guest.Machine, dir, prefix, suffix string) ([]file, error) {
	entries, err := m.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		device, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), suffix), prefix)
		below, _, vlan := strings.Cut(device, ".")
		if !ok || !strings.HasSuffix(e.Name(), suffix) || !vlan || !t.has(below) || t.has(device) {
			continue
		}
		f, err := plan(m, path.Join(dir, e.Name()), nil, 0, "remove the VLAN "+device)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// keyfile is the connection of a link, nm-settings-keyfile(5).
func (t target) keyfile(l link) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	kind := "ethernet"
	if l.VLAN != nil {
		kind = "vlan"
	}
	line("# Written by guestd, which writes it anew.")
	line("[connection]\nid=%s\nuuid=%s\ntype=%s", networkmanager.ID(l.device), uuid(l.device), kind)
	line("interface-name=%s\nautoconnect=true\nautoconnect-priority=%d", l.device, priority)
	if l.VLAN != nil {
		line("\n[vlan]\nflags=1\nid=%d\nparent=%s", l.VLAN.ID, l.below)
	}
	if l.MTU != 0 {
		line("\n[ethernet]\nmtu=%d", l.MTU)
	}
	line("\n[ipv4]\nmethod=%s", method4(l))
	t.family(line, l, netip.Addr.Is4)
	line("\n[ipv6]\nmethod=%s", method6(l))
	if l.Has6() {
		line("addr-gen-mode=eui64")
	}
	t.family(line, l, netip.Addr.Is6)
	return b.String()
}

// uuid is the connection's, the same on every machine and in every run: made
// from its name, in the form of RFC 9562 version 8.
func uuid(device string) string {
	sum := sha256.Sum256([]byte("innkeeper network " + device))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// method4 is ipv4.method. A link that is down has neither family: its
// connection is active and keeps others from it, without any address.
func method4(l link) string {
	switch {
	case l.DHCP4:
		return "auto"
	case l.Has4():
		return "manual"
	}
	return "disabled"
}

// method6 is ipv6.method; with link-local router advertisements are not heard.
// Disabled is known since 1.20 only.
func method6(l link) string {
	switch {
	case l.SLAAC:
		return "auto"
	case l.DHCP6:
		return "dhcp"
	case l.Has6():
		return "manual"
	}
	return "link-local"
}

func (t target) family(line func(string, ...any), l link, is func(netip.Addr) bool) {
	n := 0
	for _, p := range l.Prefixes() {
		if is(p.Addr()) {
			n++
			line("address%d=%s", n, p)
		}
	}
	n = 0
	for _, r := range l.wantedRoutes() {
		switch {
		case !is(r.Via):
		case r.To.Bits() == 0:
			line("gateway=%s", r.Via)
		case r.Metric != 0:
			n++
			line("route%d=%s,%s,%d", n, r.To, r.Via, r.Metric)
		default:
			n++
			line("route%d=%s,%s", n, r.To, r.Via)
		}
	}
	t.familyDNS(line, l, is)
}

func (t target) familyDNS(line func(string, ...any), l link, is func(netip.Addr) bool) {
	first, has := l.Has4(), l.Has4()
	if is(netip.IPv6Unspecified()) {
		first, has = !l.Has4(), l.Has6()
	}
	if !has {
		return
	}
	if t.ownServers() {
		line("ignore-auto-dns=true")
	}
	dns := t.dnsFor(l)
	if dns == nil {
		return
	}
	var servers []string
	for _, s := range dns.Servers {
		if a, err := netip.ParseAddr(s); err == nil && is(a) {
			servers = append(servers, s)
		}
	}
	if len(servers) > 0 {
		line("dns=%s;", strings.Join(servers, ";"))
		// Those of this connection come before those of others (nm-settings(5)).
		line("dns-priority=10")
	}
	if first && len(dns.Search) > 0 {
		line("dns-search=%s;", strings.Join(dns.Search, ";"))
	}
}

func (keyfiles) check(ctx context.Context, m guest.Machine, files []file) error {
	for _, f := range files {
		if f.want == nil || !f.changes() || path.Dir(f.path) != networkmanager.Dir {
			continue
		}
		if err := networkmanager.Check(ctx, m, *f.want); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

// remember notes which connection each device has.
func (keyfiles) remember(ctx context.Context, m guest.Machine, t target) (map[string]string, error) {
	devices, err := networkmanager.Devices(ctx, m)
	if err != nil {
		return nil, err
	}
	active := map[string]string{}
	for _, l := range t.links {
		active[l.device] = devices[l.device].Connection
	}
	return active, nil
}

func (keyfiles) activation(t target, files []file) []step {
	var commands []step
	for _, f := range files {
		if f.want == nil && f.is != nil {
			commands = append(commands, must(networkmanager.Reload()))
			break
		}
	}
	for _, l := range t.links {
		commands = append(commands, must(networkmanager.Load(networkmanager.File(l.device))))
	}
	for _, l := range t.links { // a VLAN after what it lies on
		if l.VLAN == nil {
			commands = append(commands, must(networkmanager.Up(networkmanager.ID(l.device))))
		}
	}
	for _, l := range t.links {
		if l.VLAN != nil {
			commands = append(commands, must(networkmanager.Up(networkmanager.ID(l.device))))
		}
	}
	return commands
}

func (keyfiles) revert(ctx context.Context, m guest.Machine, c checkpoint) error {
	failed := run(ctx, m, networkmanager.Reload())
	is, err := iproute.Read(ctx, m)
	if err != nil {
		return errors.Join(failed, err)
	}
	for _, l := range c.Links {
		if _, there := is.Link(l.Device); !there && l.Below == "" {
			continue
		}
		switch before := c.More[l.Device]; {
		case before != "":
			failed = errors.Join(failed, run(ctx, m, networkmanager.Up(before)))
		case l.There && l.Below == "":
			// Nothing was active; what NetworkManager starts by itself may stay.
			devices, err := networkmanager.Devices(ctx, m)
			if err == nil && devices[l.Device].Connection == networkmanager.ID(l.Device) {
				err = run(ctx, m, networkmanager.Disconnect(l.Device))
			}
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// servers are those that NetworkManager wrote to resolv.conf for the C library.
func (keyfiles) servers(_ context.Context, m guest.Machine, _ target) (state.DNS, error) {
	s, err := resolvconf.Read(m, resolvconf.Path)
	return state.DNS{Servers: s.Addresses, Search: s.Search}, err
}
