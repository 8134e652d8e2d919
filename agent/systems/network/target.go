package network

import (
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// target is the desired network with the devices of this machine that its
// interfaces turned out to be.
type target struct {
	network state.Network
	links   []link
	// is is the machine as it was when the devices were looked for.
	is iproute.Network
	// resolver is the index of the link through which name servers are asked.
	resolver int
}

// link is one desired interface.
type link struct {
	state.Interface
	// at is its index in the document.
	at int
	// device is its name on this machine, "eth0", "eth0.7".
	device string
	// mac is its address on this machine; empty for a VLAN.
	mac string
	// below is the device that a VLAN lies on.
	below string
}

// path is the path of a field, for errors.
func (l link) path(field string) string { return state.Network{}.Path(l.at, field) }

// vlanName is the name of a VLAN, as vconfig(8), Red Hat's scripts and
// Openfiler's web interface have it.
func vlanName(below string, id uint32) string {
	return below + "." + strconv.FormatUint(uint64(id), 10)
}

// longestDevice is what Linux allows, IFNAMSIZ without its zero.
const longestDevice = 15

// resolve finds the devices.
func resolve(n state.Network, is iproute.Network) (target, error) {
	t := target{network: n, is: is, resolver: n.NameServer()}
	devices := map[string]int{}
	for at, i := range n.Interfaces {
		l := link{Interface: i, at: at}
		if i.VLAN == nil {
			found, err := find(l, is)
			if err != nil {
				return t, err
			}
			l.device, l.mac = found.Name, found.MAC
			if other, twice := devices[l.device]; twice {
				return t, section.Errorf(section.Invalid, l.path(selector(i)), "is %s, as is interfaces[%d]", l.device, other)
			}
			devices[l.device] = at
		}
		t.links = append(t.links, l)
	}
	for at := range t.links {
		l := &t.links[at]
		if l.VLAN == nil {
			continue
		}
		l.below = t.links[n.Below(*l.VLAN)].device
		l.device = vlanName(l.below, l.VLAN.ID)
		if len(l.device) > longestDevice {
			return t, section.Errorf(section.Unsupported, l.path("vlan.id"), "the VLAN's name %s would be longer than the %d characters that Linux allows", l.device, longestDevice)
		}
	}
	return t, nil
}

// find is the device that an interface of the document is.
func find(l link, is iproute.Network) (iproute.Link, error) {
	var found []iproute.Link
	for _, d := range is.Links {
		if l.MAC != "" && strings.EqualFold(d.MAC, l.MAC) && d.Below == "" || l.Name != "" && d.Name == l.Name {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0:
		return iproute.Link{}, section.Errorf(section.Invalid, l.path(selector(l.Interface)), "this machine has no such interface; it has %s", strings.Join(is.Names(), ", "))
	case len(found) > 1:
		return iproute.Link{}, section.Errorf(section.Invalid, l.path("mac"), "both %s and %s have it; choose by name", found[0].Name, found[1].Name)
	case found[0].Below != "":
		return iproute.Link{}, section.Errorf(section.Invalid, l.path("name"), "is a VLAN of %s; say so with vlan", found[0].Below)
	}
	return found[0], nil
}

// selector is the field by which an interface is chosen.
func selector(i state.Interface) string {
	if i.MAC != "" {
		return "mac"
	}
	return "name"
}

// vlansOn are the VLANs of the target on a device.
func (t target) vlansOn(device string) []link {
	var all []link
	for _, l := range t.links {
		if l.below == device {
			all = append(all, l)
		}
	}
	return all
}

// dnsFor is the DNS settings that belong to a link, nil for none.
func (t target) dnsFor(l link) *state.DNS {
	if l.at != t.resolver {
		return nil
	}
	return t.network.DNS
}

// ownServers says whether the document gives name servers, so that those of
// DHCP are not used.
func (t target) ownServers() bool {
	return t.network.DNS != nil && len(t.network.DNS.Servers) > 0
}

// has says whether the target has a device.
func (t target) has(device string) bool {
	return slices.ContainsFunc(t.links, func(l link) bool { return l.device == device })
}

// deleteLink ends a VLAN that nothing configures any more.
func deleteLink(device string) guest.Command {
	return guest.Command{Path: iproute.Command, Args: []string{"link", "delete", "dev", device}}
}
