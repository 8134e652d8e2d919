package ifcfg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Up is ifup: it brings an interface up and returns the exit status.
func (m *Machine) Up(args []string) int {
	c, status := m.begin("ifup", args)
	if c == nil {
		return status
	}
	if len(args) > 1 && args[1] == "boot" && strings.EqualFold(c["ONBOOT"], "no") {
		return 0
	}
	dev := c["DEVICE"]
	if c["VLAN"] == "yes" {
		if status := m.vlan(dev); status != 0 {
			return status
		}
	}
	found := m.hardware(dev)
	switch want := strings.ToUpper(c["HWADDR"]); {
	case found == "":
		fmt.Fprintf(m.Out, "Device %s does not seem to be present, delaying initialization.\n", dev)
		return 1
	case want != "" && want != found:
		fmt.Fprintf(m.Out, "Device %s has different MAC address than expected, ignoring.\n", dev)
		return 1
	}
	if mac := c["MACADDR"]; mac != "" {
		m.ip("link", "set", "dev", dev, "address", mac)
	}
	if mtu := c["MTU"]; mtu != "" {
		m.ip("link", "set", "dev", dev, "mtu", mtu)
	}
	if c.dynamic() {
		status = m.lease(c, dev)
	} else {
		status = m.fixed(c, dev)
	}
	if status == 0 {
		status = m.aliases(dev)
	}
	if status == 0 {
		m.routes(dev)
	}
	if status == 0 && c["NOZEROCONF"] == "" && dev != "lo" && (c.dynamic() || c["IPADDR"] != "") {
		m.ip("route", "replace", "169.254.0.0/16", "dev", dev)
	}
	return status
}

// aliases is ifup-aliases, which ifup-post runs: the further addresses of an
// interface, each in a file of its own.
func (m *Machine) aliases(parent string) int {
	files, err := filepath.Glob(m.path(scriptsDir, "ifcfg-"+parent+":*"))
	if err != nil {
		return 1 // of a bad pattern, which no interface's name makes
	}
	for _, file := range files {
		c, err := m.load(filepath.Base(file))
		if err != nil || c == nil || c["ONPARENT"] == "no" {
			continue
		}
		p, err := c.prefix()
		if err != nil {
			fmt.Fprintf(m.Out, "error in %s: didn't specify device or ipaddr\n", filepath.Base(file))
			continue
		}
		if m.Run("/usr/sbin/arping", "-q", "-c", "2", "-w", "3", "-D", "-I", parent, p.Addr().String()) != nil {
			fmt.Fprintf(m.Out, "Error, some other host already uses address %s.\n", p.Addr())
			return 1
		}
		if m.ip("addr", "add", p.String(), "brd", "+", "dev", parent, "label", c["DEVICE"]) != nil {
			fmt.Fprintf(m.Out, "error adding address %s for %s.\n", p.Addr(), c["DEVICE"])
		}
	}
	return 0
}

// begin does what both commands begin with. Without a Config the status is final.
func (m *Machine) begin(name string, args []string) (Config, int) {
	if len(args) == 0 || args[0] == "" {
		fmt.Fprintf(m.Err, "usage: %s <device name>\n", name)
		return nil, 1
	}
	c, err := m.load(args[0])
	switch {
	case err != nil:
		fmt.Fprintf(m.Err, "%s: %v\n", name, err)
		return nil, 1
	case c == nil:
		fmt.Fprintf(m.Err, "usage: %s <device name>\n", name)
		return nil, 1
	case m.UID != 0:
		fmt.Fprintln(m.Err, "Users cannot control this device.")
		return nil, 1
	}
	if err := m.refuse(c); err != nil {
		fmt.Fprintln(m.Out, err)
		return nil, 1
	}
	return c, 0
}

func (m *Machine) ip(args ...string) error {
	return m.Run(append([]string{"/sbin/ip"}, args...)...)
}

// lease gets the address by DHCP.
func (m *Machine) lease(c Config, dev string) int {
	argv := []string{"/sbin/dhclient"}
	if p := c["PERSISTENT_DHCLIENT"]; p == "" || !strings.ContainsAny(p[:1], "yY1") {
		argv = append(argv, "-1")
	}
	argv = append(argv, "-q")
	if conf := "/etc/dhclient-" + dev + ".conf"; size(m.path(conf)) > 0 {
		argv = append(argv, "-cf", conf)
	}
	argv = append(argv, "-lf", "/var/lib/dhclient/dhclient-"+dev+".leases", "-pf", "/var/run/dhclient-"+dev+".pid", dev)
	fmt.Fprintf(m.Out, "\nDetermining IP information for %s...", dev)
	if err := m.Run(argv...); err != nil {
		fmt.Fprintln(m.Out, " failed.")
		return 1
	}
	fmt.Fprintln(m.Out, " done.")
	return 0
}

func size(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// fixed sets the address of the file.
func (m *Machine) fixed(c Config, dev string) int {
	if m.ip("link", "set", "dev", dev, "up") != nil {
		fmt.Fprintf(m.Out, "Failed to bring up %s.\n", dev)
		return 1
	}
	if c["IPADDR"] == "" {
		return 0
	}
	p, err := c.prefix()
	if err != nil {
		fmt.Fprintf(m.Err, "ipcalc: %v\n", err)
		fmt.Fprintf(m.Out, "Error adding address %s for %s.\n", c["IPADDR"], dev)
		return 1
	}
	if dev == "lo" {
		// The kernel gives the loopback its address when it comes up.
		m.ip("addr", "replace", p.String(), "dev", dev, "scope", "host")
		return 0
	}
	if m.Run("/usr/sbin/arping", "-q", "-c", "2", "-w", "3", "-D", "-I", dev, p.Addr().String()) != nil {
		fmt.Fprintf(m.Out, "Error, some other host already uses address %s.\n", p.Addr())
		return 1
	}
	broadcast := "+"
	if b := c["BROADCAST"]; b != "" {
		broadcast = b
	}
	if m.ip("addr", "replace", p.String(), "brd", broadcast, "dev", dev, "label", dev) != nil {
		fmt.Fprintf(m.Out, "Error adding address %s for %s.\n", p.Addr(), dev)
	}
	// The neighbours learn that the address has moved.
	_ = m.Run("/usr/sbin/arping", "-q", "-A", "-c", "1", "-I", dev, p.Addr().String())
	if g, ok := c.gateway(p); ok {
		_ = m.ip("route", "replace", "default", "via", g.String(), "dev", dev)
	}
	return 0
}
