package ifcfg

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Down is ifdown: it takes an interface down and returns the exit status.
func (m *Machine) Down(args []string) int {
	c, status := m.begin("ifdown", args)
	if c == nil {
		return status
	}
	dev := c["DEVICE"]
	found := m.hardware(dev)
	if want := strings.ToUpper(c["HWADDR"]); want != "" && c["MACADDR"] == "" && found != "" && want != found {
		fmt.Fprintf(m.Out, "Device %s has different MAC address than expected, ignoring.\n", dev)
		return 1
	}
	status = m.endLease(dev)
	if found == "" {
		return status
	}
	_ = m.ip("addr", "flush", "dev", dev)
	if m.ip("link", "set", "dev", dev, "down") != nil && status == 0 {
		status = 1
	}
	if c["VLAN"] != "" && m.isVLAN(dev) {
		// Whether it went away does not count, as in the script.
		_ = m.ip("link", "delete", dev, "type", "vlan")
	}
	return status
}

// endLease ends the interface's DHCP client, if it has one. The lease is kept,
// as the client does when it is killed.
func (m *Machine) endLease(dev string) int {
	file := m.pidFile(dev)
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	status := 0
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 || m.Kill(pid) != nil {
		status = 1
	}
	_ = m.Env([]string{"reason=STOP", "interface=" + dev}, "/sbin/dhclient-script")
	os.Remove(file)
	return status
}
