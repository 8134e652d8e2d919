// Package ifcfg is the network configuration of Red Hat's initscripts, which
// CentOS 7 may use and Openfiler does: a file per interface in
// /etc/sysconfig/network-scripts, its routes beside it, and ifup and ifdown.
// What the keys mean is in doc/sysconfig.txt of fedora-sysv/initscripts.
package ifcfg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Dir is where the files lie.
const Dir = "/etc/sysconfig/network-scripts"

// File is the configuration of an interface, "eth0", a VLAN "eth0.7" or a
// further address "eth0:1".
func File(device string) string { return Dir + "/ifcfg-" + device }

// RouteFile is what ifup-routes adds for an interface, one argument line of
// "ip route add" a line; Route6File is the same for IPv6.
func RouteFile(device string) string  { return Dir + "/route-" + device }
func Route6File(device string) string { return Dir + "/route6-" + device }

// Setting is an assignment of a file.
type Setting struct{ Key, Value string }

// owned are the keys that say how an interface is configured; those with a
// star are followed by a number or more of a name. All other lines are the
// owner's.
var owned = []string{
	"DEVICE", "ONBOOT", "BOOTPROTO", "IPADDR*", "NETMASK*", "PREFIX*", "BROADCAST*", "NETWORK", "GATEWAY*",
	"MTU", "PEERDNS", "DNS*", "DOMAIN", "DEFROUTE", "VLAN", "PHYSDEV", "HWADDR", "USERCTL",
	"IPV6INIT", "IPV6ADDR*", "IPV6_AUTOCONF", "IPV6_DEFAULTGW", "IPV6_DEFROUTE", "IPV6_FAILURE_FATAL", "DHCPV6C",
}

func isOwned(key string) bool {
	return slices.ContainsFunc(owned, func(o string) bool {
		prefix, open := strings.CutSuffix(o, "*")
		return key == o || open && strings.HasPrefix(key, prefix)
	})
}

// Set is the text with these settings, in the place of all that said how the
// interface is configured. Lines about other things stay.
func Set(text string, settings []Setting) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		key, _, assignment := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if assignment && isOwned(strings.TrimSpace(key)) {
			continue
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	for _, s := range settings {
		fmt.Fprintf(&b, "%s=%s\n", s.Key, s.Value)
	}
	return b.String()
}

// Check has the shell judge a file, which ifup sources: there is no other
// parser of it.
func Check(ctx context.Context, m guest.Machine, text string) error {
	c := guest.Command{Path: "sh", Args: []string{"-n"}, Stdin: []byte(text)}
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	return guest.Check(c, r)
}

// deadline bounds ifup: it looks for another machine with the address, waits
// for the link, and for dhclient, which tries for a minute.
const deadline = 100 * time.Second

// Up is the command that brings an interface up as its file says.
func Up(device string) guest.Command {
	return guest.Command{Path: "/sbin/ifup", Args: []string{device}, Deadline: deadline}
}

// Down is the command that takes an interface down.
func Down(device string) guest.Command {
	return guest.Command{Path: "/sbin/ifdown", Args: []string{device}, Deadline: deadline}
}
