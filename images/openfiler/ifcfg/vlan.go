package ifcfg

import (
	"fmt"
	"os"
	"regexp"
)

// vlanDevice is the name of a VLAN that says what it lies on, as ifup matches it.
var vlanDevice = regexp.MustCompile(`^(.+)\.([0-9]{1,4})$`)

// vlan is what ifup does for VLAN=yes: it makes the interface unless it is
// there, and has the one below up. Names like vlan7, which need PHYSDEV, it
// refuses in the words of a file without that.
func (m *Machine) vlan(dev string) int {
	name := vlanDevice.FindStringSubmatch(dev)
	if name == nil {
		fmt.Fprintf(m.Out, "PHYSDEV should be set for device %s\n", dev)
		return 1
	}
	below, id := name[1], name[2]
	if _, err := os.Stat(m.path("proc/net/vlan")); err != nil && m.Run("/sbin/modprobe", "8021q") != nil {
		fmt.Fprintf(m.Out, "No 802.1Q VLAN support available in kernel for device %s\n", dev)
		return 1
	}
	if m.hardware(below) == "" {
		fmt.Fprintf(m.Out, " device %s does not seem to be present, delaying initialization.\n", dev)
		return 1
	}
	_ = m.ip("link", "set", "dev", below, "up")
	if m.isVLAN(dev) {
		return 0
	}
	if m.ip("link", "add", "dev", dev, "link", below, "type", "vlan", "id", id) != nil {
		fmt.Fprintf(m.Out, "ERROR: could not add vlan %s as %s on dev %s\n", id, dev, below)
		return 1
	}
	return 0
}

// isVLAN says whether the kernel has a VLAN of that name.
func (m *Machine) isVLAN(dev string) bool {
	_, err := os.Stat(m.path("proc/net/vlan", dev))
	return err == nil
}
