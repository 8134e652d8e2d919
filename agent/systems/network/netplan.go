package network

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/cloudinit"
	"innkeeper/agent/mechanisms/netplan"
	"innkeeper/agent/mechanisms/resolved"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// Netplan keeps the network in netplan's files, carried out by systemd-networkd
// and systemd-resolved, as Ubuntu Server has it. Every interface has a file of
// guestd's own, with the VLANs on it; what another file of /etc/netplan says of
// it is taken out there, since netplan joins lists and cannot override them.
func Netplan() Section {
	return Section{configuration: func(context.Context, guest.Machine) (configuration, error) { return netplanFiles{}, nil }}
}

type netplanFiles struct{}

func (netplanFiles) draft(_ context.Context, m guest.Machine, t target) ([]file, error) {
	there, err := netplan.Files(m)
	if err != nil {
		return nil, err
	}
	// is and now are every file by its path, as it is and as it comes to be.
	now := map[string]string{}
	var order []string
	for _, f := range there {
		now[f.Path] = f.Text
		order = append(order, f.Path)
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
	// Its own files come first: at no moment is an interface without any.
	for _, l := range t.links {
		if l.VLAN != nil {
			continue
		}
		base, err := takeOver(l, order, now)
		if err != nil {
			return nil, err
		}
		text := t.render(l, base)
		f, err := plan(m, netplan.OwnFile(l.device), &text, netplan.Mode, "write the configuration of "+l.device)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, f := range there {
		changed := now[f.Path]
		if changed == f.Text {
			continue
		}
		g, err := plan(m, f.Path, &changed, netplan.Mode, "take out of "+path.Base(f.Path)+" what guestd configures in a file of its own")
		if err != nil {
			return nil, err
		}
		files = append(files, g)
	}
	return files, nil
}

// takeOver takes the link's definitions out of the files of others and returns
// the one that says how it is matched and named, if any.
func takeOver(l link, order []string, now map[string]string) (netplan.Definition, error) {
	base := netplan.Definition{ID: l.device}
	for _, at := range order {
		definitions, renderer, err := netplan.Parse(now[at])
		if err != nil {
			return base, fmt.Errorf("read %s: %w", at, err)
		}
		if renderer == "NetworkManager" {
			return base, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s has NetworkManager carry netplan's files out; guestd manages what systemd-networkd carries out", at)
		}
		for _, d := range definitions {
			names := d.Names(l.device, l.mac)
			if names == netplan.Not {
				continue
			}
			if at == netplan.OwnFile(l.device) {
				base = d // where the names were taken from at first
				continue
			}
			switch {
			case names == netplan.Among:
				return base, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s configures %s together with other interfaces, in %s %s; give it a definition of its own", at, l.device, d.Type, d.ID)
			case d.Renderer == "NetworkManager":
				return base, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s has NetworkManager carry out %s; guestd manages what systemd-networkd carries out", at, d.ID)
			case path.Dir(at) != netplan.Dir:
				return base, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s configures %s, and is not the owner's to change; guestd changes files in %s only", at, l.device, netplan.Dir)
			}
			if now[at], err = netplan.Cut(now[at], d.Type, d.ID); err != nil {
				return base, section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s: %v", at, err)
			}
			base = d
		}
	}
	return base, nil
}

// render is guestd's file for a link and the VLANs on it. The keys are those
// of netplan-yaml; 0.0.0.0/0 stands for "default", which old versions do not
// know.
func (t target) render(l link, base netplan.Definition) string {
	var b strings.Builder
	b.WriteString("# Written by guestd, which writes it anew.\nnetwork:\n  version: 2\n  ethernets:\n")
	fmt.Fprintf(&b, "    %q:\n", base.ID)
	if base.MatchMAC != "" {
		fmt.Fprintf(&b, "      match:\n        macaddress: %q\n", base.MatchMAC)
	} else if base.MatchName != "" {
		fmt.Fprintf(&b, "      match:\n        name: %q\n", base.MatchName)
	}
	if base.SetName != "" {
		fmt.Fprintf(&b, "      set-name: %q\n", base.SetName)
	}
	t.renderIP(&b, l)
	vlans := t.vlansOn(l.device)
	if len(vlans) > 0 {
		b.WriteString("  vlans:\n")
	}
	for _, v := range vlans {
		fmt.Fprintf(&b, "    %q:\n      id: %d\n      link: %q\n", v.device, v.VLAN.ID, base.ID)
		t.renderIP(&b, v)
	}
	return b.String()
}

func (t target) renderIP(b *strings.Builder, l link) {
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(b, strings.Repeat(" ", indent)+format+"\n", args...)
	}
	line(6, "dhcp4: %t", l.DHCP4)
	line(6, "dhcp6: %t", l.DHCP6)
	line(6, "accept-ra: %t", l.SLAAC || l.DHCP6)
	line(6, "optional: true")
	if l.Down() {
		line(6, "activation-mode: \"off\"")
	}
	if l.MTU != 0 {
		line(6, "mtu: %d", l.MTU)
	}
	if t.ownServers() {
		for _, family := range []struct {
			key string
			on  bool
		}{{"dhcp4-overrides", l.DHCP4}, {"dhcp6-overrides", l.DHCP6}} {
			if family.on {
				line(6, "%s:", family.key)
				line(8, "use-dns: false")
			}
		}
	}
	if len(l.Addresses) > 0 {
		line(6, "addresses:")
		for _, p := range l.Prefixes() {
			line(8, "- %q", p.String())
		}
	}
	if routes := l.wantedRoutes(); len(routes) > 0 {
		line(6, "routes:")
		for _, r := range routes {
			line(8, "- to: %q", r.To.String())
			line(8, "  via: %q", r.Via.String())
			if r.Metric != 0 {
				line(8, "  metric: %s", strconv.FormatUint(uint64(r.Metric), 10))
			}
		}
	}
	t.renderDNS(line, l)
}

func (t target) renderDNS(line func(int, string, ...any), l link) {
	dns := t.dnsFor(l)
	if dns == nil || len(dns.Servers)+len(dns.Search) == 0 {
		return
	}
	line(6, "nameservers:")
	for _, part := range []struct {
		key string
		all []string
	}{{"addresses", dns.Servers}, {"search", dns.Search}} {
		if len(part.all) == 0 {
			continue
		}
		line(8, "%s:", part.key)
		for _, s := range part.all {
			line(10, "- %q", s)
		}
	}
}

func (netplanFiles) check(ctx context.Context, m guest.Machine, files []file) error {
	there, err := netplan.Files(m)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.want == nil || path.Ext(f.path) != ".yaml" {
			continue
		}
		replaced := false
		for i := range there {
			if there[i].Path == f.path {
				there[i].Text, replaced = *f.want, true
			}
		}
		if !replaced {
			there = append(there, netplan.File{Path: f.path, Text: *f.want})
		}
	}
	return netplan.Check(ctx, m, there)
}

// remember has nothing: the files say all.
func (netplanFiles) remember(context.Context, guest.Machine, target) (map[string]string, error) {
	return nil, nil
}

func (netplanFiles) activation(t target, files []file) []step {
	commands := goneVLANs(t, files)
	return append(commands, must(netplan.ApplyCommand))
}

// goneVLANs are the commands that end VLANs of guestd's own files that no
// longer stand there: netplan leaves them running (netplan-apply(8)).
func goneVLANs(t target, files []file) []step {
	var commands []step
	for _, l := range t.links {
		for _, f := range files {
			if f.path != netplan.OwnFile(l.device) || f.is == nil {
				continue
			}
			definitions, _, err := netplan.Parse(*f.is)
			if err != nil {
				continue // it is written anew, whatever is in it
			}
			for _, d := range definitions {
				if _, there := t.is.Link(d.ID); there && d.Type == "vlans" && !t.has(d.ID) {
					commands = append(commands, may(deleteLink(d.ID)))
				}
			}
		}
	}
	return commands
}

func (netplanFiles) revert(ctx context.Context, m guest.Machine, _ checkpoint) error {
	return netplan.Apply(ctx, m)
}

func (netplanFiles) servers(ctx context.Context, m guest.Machine, t target) (state.DNS, error) {
	l, err := resolved.Link(ctx, m, t.links[t.resolver].device)
	return state.DNS{Servers: l.Servers, Search: l.Domains}, err
}
