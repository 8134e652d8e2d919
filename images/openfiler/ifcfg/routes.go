package ifcfg

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// routes is ifup-routes, which ifup-post runs after the aliases: the file
// route-DEVICE, in either form. A route that cannot be added is replaced, with
// a word; whether that goes well counts for nobody.
func (m *Machine) routes(dev string) {
	data, err := os.ReadFile(m.path(scriptsDir, "route-"+dev))
	if err != nil {
		return
	}
	lines, numbered := numberedRoutes(string(data), dev)
	family := []string{}
	if !numbered {
		lines, family = nil, []string{"-4"}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
	}
	for _, line := range lines {
		words := strings.Fields(line)
		if m.ip(append(append(family[:len(family):len(family)], "route", "add"), words...)...) != nil {
			fmt.Fprintf(m.Out, "Failed to add route %s, using ip route replace instead.\n", line)
			_ = m.ip(append(append(family[:len(family):len(family)], "route", "replace"), words...)...)
		}
	}
}

// numberedRoutes reads ADDRESS0=, NETMASK0= and GATEWAY0=, counted without a
// gap, and says whether the file has that form at all.
func numberedRoutes(text, dev string) (lines []string, numbered bool) {
	c, err := Parse(text)
	if err != nil {
		return nil, false
	}
	for n := 0; ; n++ {
		network, err := Config{"IPADDR": c[fmt.Sprint("ADDRESS", n)], "NETMASK": c[fmt.Sprint("NETMASK", n)]}.prefix()
		if err != nil {
			return lines, n > 0
		}
		line := netip.PrefixFrom(network.Addr(), network.Bits()).String()
		if via := c[fmt.Sprint("GATEWAY", n)]; via != "" {
			line += " via " + via
		}
		lines = append(lines, line+" dev "+dev)
	}
}
