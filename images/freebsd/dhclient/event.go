//go:build unix

package dhclient

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// reasons are the words of dhclient-script(8) for udhcpc's events.
var reasons = map[string]string{
	"deconfig":  "PREINIT",
	"bound":     "BOUND",
	"renew":     "RENEW",
	"nak":       "EXPIRE",
	"leasefail": "FAIL",
}

// Event is what udhcpc calls with the name of an event and the lease in its
// environment. It notes the lease in the lease file, in dhclient.leases(5)'s
// syntax, and becomes the script with the variables of dhclient-script(8).
func Event(args []string, root string, lookup func(string) string, replace Exec, stderr io.Writer) int {
	if len(args) != 1 || reasons[args[0]] == "" {
		fmt.Fprintf(stderr, "dhclient: event %q is unknown\n", args)
		return 1
	}
	reason := reasons[args[0]]
	env := []string{
		"PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin",
		"reason=" + reason,
		"interface=" + lookup("interface"),
	}
	if reason == "BOUND" || reason == "RENEW" {
		values := lease(lookup)
		for _, option := range values {
			env = append(env, "new_"+strings.ReplaceAll(option.name, "-", "_")+"="+option.value)
		}
		if path := lookup(envLeases); path != "" {
			if err := note(filepath.Join(root, path), lookup("interface"), values); err != nil {
				fmt.Fprintf(stderr, "dhclient: note the lease: %v\n", err)
				return 1
			}
		}
	}
	script := lookup(envScript)
	if err := replace("/bin/sh", []string{"sh", script}, env); err != nil {
		fmt.Fprintf(stderr, "dhclient: %s: %v\n", script, err)
	}
	return 1
}

// option is one value of a lease by its name in dhcp-options(5).
type option struct{ name, value string }

// lease translates udhcpc's variables.
func lease(lookup func(string) string) []option {
	var options []option
	for _, pair := range [][2]string{
		{"ip-address", "ip"},
		{"subnet-mask", "subnet"},
		{"broadcast-address", "broadcast"},
		{"routers", "router"},
		{"domain-name", "domain"},
		{"domain-name-servers", "dns"},
		{"host-name", "hostname"},
		{"dhcp-lease-time", "lease"},
		{"dhcp-server-identifier", "serverid"},
	} {
		if value := lookup(pair[1]); value != "" {
			options = append(options, option{pair[0], value})
		}
	}
	address, err1 := netip.ParseAddr(lookup("ip"))
	mask, err2 := netip.ParseAddr(lookup("subnet"))
	if err1 == nil && err2 == nil && address.Is4() && mask.Is4() {
		a, m := address.As4(), mask.As4()
		network, broadcast := a, a
		for i := range a {
			network[i] &= m[i]
			broadcast[i] |= ^m[i]
		}
		options = append(options, option{"network-number", netip.AddrFrom4(network).String()})
		if lookup("broadcast") == "" {
			options = append(options, option{"broadcast-address", netip.AddrFrom4(broadcast).String()})
		}
	}
	return options
}

// note writes the lease file with the newest lease.
func note(path, nic string, options []option) error {
	var text strings.Builder
	fmt.Fprintf(&text, "lease {\n  interface \"%s\";\n", nic)
	for _, o := range options {
		switch o.name {
		case "ip-address":
			fmt.Fprintf(&text, "  fixed-address %s;\n", o.value)
		case "domain-name", "host-name":
			fmt.Fprintf(&text, "  option %s %q;\n", o.name, o.value)
		case "network-number":
		default:
			fmt.Fprintf(&text, "  option %s %s;\n", o.name, strings.ReplaceAll(o.value, " ", ","))
		}
	}
	text.WriteString("}\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
