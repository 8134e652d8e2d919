package middleware

import (
	"context"
	"strings"
)

// Interface is an interface of interface.query: what is configured, and its
// state in the kernel.
type Interface struct {
	Name string `json:"name"`
	// Type is "PHYSICAL", "VLAN", "BRIDGE", "LINK_AGGREGATION" or "UNKNOWN".
	Type        string  `json:"type"`
	DHCP        bool    `json:"ipv4_dhcp"`
	Auto6       bool    `json:"ipv6_auto"`
	Aliases     []Alias `json:"aliases"`
	MTU         *int    `json:"mtu"`
	Options     string  `json:"options"`
	Description *string `json:"description"`
	// Offload is told of interfaces that are in the configuration only
	// (plugins/network.py, iface_extend).
	Offload *bool  `json:"disable_offload_capabilities"`
	Parent  string `json:"vlan_parent_interface"`
	Tag     int    `json:"vlan_tag"`
	PCP     *int   `json:"vlan_pcp"`
	State   State  `json:"state"`
}

// Configured says whether the interface is in the configuration. Without any
// that is, all interfaces run DHCP; with one, the others lose all they have.
func (i Interface) Configured() bool { return i.Offload != nil }

// State is an interface in the kernel.
type State struct {
	MAC     string   `json:"link_address"`
	MTU     int      `json:"mtu"`
	Flags   []string `json:"flags"`
	Aliases []Alias  `json:"aliases"`
}

// Alias is an address of an interface. In a State there are some of the type
// "LINK", without a Bits.
type Alias struct {
	Type    string `json:"type"` // "INET" or "INET6"
	Address string `json:"address"`
	Bits    int    `json:"netmask"`
}

// Settings of an interface, for SetInterface and CreateVLAN.
type Settings struct {
	DHCP        bool    `json:"ipv4_dhcp"`
	Auto6       bool    `json:"ipv6_auto"`
	Aliases     []Alias `json:"aliases"`
	MTU         *int    `json:"mtu"`
	Options     string  `json:"options"`
	Description string  `json:"description"`
}

// VLAN is what further makes an interface a VLAN.
type VLAN struct {
	Parent string `json:"vlan_parent_interface"`
	Tag    int    `json:"vlan_tag"`
	PCP    *int   `json:"vlan_pcp"`
}

// Interfaces are all interfaces.
func (c *Client) Interfaces(ctx context.Context) (all []Interface, err error) {
	return all, c.Call(ctx, &all, "interface.query")
}

// SetInterface changes an interface's configuration; nothing comes into force
// before CommitInterfaces. VLAN is nil for one that is none.
func (c *Client) SetInterface(ctx context.Context, name string, s Settings, vlan *VLAN) error {
	if vlan == nil {
		return c.Call(ctx, nil, "interface.update", name, s)
	}
	return c.Call(ctx, nil, "interface.update", name, struct {
		Settings
		VLAN
	}{s, *vlan})
}

// CreateVLAN makes a VLAN, whose name is "vlan" with a number.
func (c *Client) CreateVLAN(ctx context.Context, name string, s Settings, vlan VLAN) error {
	return c.Call(ctx, nil, "interface.create", struct {
		Type string `json:"type"`
		Name string `json:"name"`
		Settings
		VLAN
	}{"VLAN", name, s, vlan})
}

// DeleteInterface takes an interface out of the configuration.
func (c *Client) DeleteInterface(ctx context.Context, name string) error {
	return c.Call(ctx, nil, "interface.delete", name)
}

// PendingChanges says whether there are changes of interfaces that were not
// checked in, whosever they are.
func (c *Client) PendingChanges(ctx context.Context) (pending bool, err error) {
	return pending, c.Call(ctx, &pending, "interface.has_pending_changes")
}

// CommitInterfaces brings the configuration into force. The middleware goes
// back to what was before the first change unless CheckinInterfaces is called
// within so many seconds. That an interface cannot be configured is no error
// there (plugins/network.py, sync).
func (c *Client) CommitInterfaces(ctx context.Context, seconds int) error {
	return c.Call(ctx, nil, "interface.commit", map[string]any{"rollback": true, "checkin_timeout": seconds})
}

// CheckinInterfaces keeps what was committed.
func (c *Client) CheckinInterfaces(ctx context.Context) error {
	return c.Call(ctx, nil, "interface.checkin")
}

// RollBackInterfaces brings back what was before the first change that was not
// checked in. Gateways, name servers and static routes stay as they are.
func (c *Client) RollBackInterfaces(ctx context.Context) error {
	return c.Call(ctx, nil, "interface.rollback")
}

// Globals are the gateways and name servers of network.configuration, each ""
// for none: then those of DHCP are used.
type Globals struct {
	Gateway4 string `json:"ipv4gateway"`
	// Gateway6 may have a zone, "fe80::1%vtnet0".
	Gateway6 string   `json:"ipv6gateway"`
	Server1  string   `json:"nameserver1"`
	Server2  string   `json:"nameserver2"`
	Server3  string   `json:"nameserver3"`
	Domains  []string `json:"domains"`
}

// Globals reads them, with the domain that is searched before Domains.
func (c *Client) Globals(ctx context.Context) (g Globals, domain string, err error) {
	var config struct {
		Globals
		Domain string `json:"domain"`
	}
	err = c.Call(ctx, &config, "network.configuration.config")
	return config.Globals, config.Domain, err
}

// SetGlobals changes what differs between was and g. A gateway for IPv4 has to
// be in the network of an interface, in force.
func (c *Client) SetGlobals(ctx context.Context, was, g Globals) error {
	change := map[string]any{}
	for key, values := range map[string][2]string{
		"ipv4gateway": {was.Gateway4, g.Gateway4}, "ipv6gateway": {was.Gateway6, g.Gateway6},
	} {
		if values[0] != values[1] {
			change[key] = values[1]
		}
	}
	if [3]string{was.Server1, was.Server2, was.Server3} != [3]string{g.Server1, g.Server2, g.Server3} {
		change["nameserver1"], change["nameserver2"], change["nameserver3"] = g.Server1, g.Server2, g.Server3
	}
	if strings.Join(was.Domains, " ") != strings.Join(g.Domains, " ") {
		change["domains"] = append([]string{}, g.Domains...)
	}
	if len(change) == 0 {
		return nil
	}
	return c.Call(ctx, nil, "network.configuration.update", change)
}

// StaticRoute is a row of staticroute. Its description is told in capitals,
// whatever it was given in.
type StaticRoute struct {
	ID          int    `json:"id,omitempty"`
	Destination string `json:"destination"`
	Gateway     string `json:"gateway"`
	Description string `json:"description"`
}

// StaticRoutes are the configured routes.
func (c *Client) StaticRoutes(ctx context.Context) (all []StaticRoute, err error) {
	return all, c.Call(ctx, &all, "staticroute.query")
}

// CreateStaticRoute adds a route and starts all routing anew, by which a
// gateway that DHCP gave is lost until SyncRoutes.
func (c *Client) CreateStaticRoute(ctx context.Context, r StaticRoute) error {
	r.ID = 0
	return c.Call(ctx, nil, "staticroute.create", r)
}

// DeleteStaticRoute takes a route away; that the kernel did not have it is no error.
func (c *Client) DeleteStaticRoute(ctx context.Context, id int) error {
	return c.Call(ctx, nil, "staticroute.delete", id)
}

// RestartRouting flushes all routes through gateways and adds those of the
// configuration, but for a gateway by DHCP.
func (c *Client) RestartRouting(ctx context.Context) error {
	return c.Call(ctx, nil, "service.restart", "routing")
}

// SyncRoutes brings the gateways into force, those of DHCP too.
func (c *Client) SyncRoutes(ctx context.Context) error { return c.Call(ctx, nil, "route.sync") }

// SystemRoute is a route of the kernel.
type SystemRoute struct {
	Network   string `json:"network"`
	Netmask   string `json:"netmask"`
	Gateway   any    `json:"gateway"` // no text where it is an interface
	Interface string `json:"interface"`
}

// SystemRoutes are the kernel's routes.
func (c *Client) SystemRoutes(ctx context.Context) (all []SystemRoute, err error) {
	return all, c.Call(ctx, &all, "route.system_routes")
}
