package pfsenseconfig

import (
	"context"
	_ "embed"
	"maps"
	"strings"

	"innkeeper/agent/guest"
)

//go:embed network.php
var networkScript string

// Network is what of the configuration says how interfaces get their IPv4
// address and where names are looked up.
type Network struct {
	// Roles are the interfaces by pfSense's names for them, "wan", "lan",
	// "opt1".
	Roles map[string]Interface `json:"roles"`
	// Gateways are the gateways of guestd's own, by the role of their
	// interface.
	Gateways map[string]string `json:"gateways"`
	// Default4 is the name of the gateway to everywhere, empty for pfSense's
	// own choice.
	Default4 string `json:"default4"`
	// Servers are the name servers. Override says that those of DHCP come
	// before them.
	Servers  []string `json:"servers"`
	Override bool     `json:"override"`
}

// Interface are elements of <interfaces>, empty for one that is not there.
type Interface struct {
	// Address is "dhcp", an address, or another way to one, such as "pppoe".
	Address string `json:"ipaddr"`
	// Subnet is the length of the prefix.
	Subnet string `json:"subnet"`
	// Gateway is the name of a gateway.
	Gateway string `json:"gateway"`
	MTU     string `json:"mtu"`
}

// DHCP is the Address of an interface that asks for one.
const DHCP = "dhcp"

// GatewayName is the name of guestd's own gateway of a role.
func GatewayName(role string) string { return "GUESTD_" + strings.ToUpper(role) }

// Card is what is true of the card of a role.
type Card struct {
	// Name is the system's, "vtnet0".
	Name    string `json:"card"`
	MAC     string `json:"mac"`
	Enabled bool   `json:"enabled"`
	// Address is its IPv4 address, empty for none, Bits the length of its prefix.
	Address string `json:"address"`
	Bits    int    `json:"bits"`
	MTU     uint32 `json:"mtu"`
}

// NetworkState is the configuration and what is true of it.
type NetworkState struct {
	Network Network         `json:"network"`
	Cards   map[string]Card `json:"live"`
	// Router is where packets to everywhere go, or empty.
	Router string `json:"router"`
	// Dirty is what an administrator has saved and not applied yet.
	Dirty []string `json:"dirty"`
}

type networkRequest struct {
	Set          *Network `json:"set"`
	Expect       *Network `json:"expect"`
	Apply        []string `json:"apply"`
	DespiteDirty bool     `json:"despite_dirty"`
}

// ReadNetwork reads the configuration and what is true.
func ReadNetwork(ctx context.Context, m guest.Machine) (NetworkState, error) {
	var r NetworkState
	err := run(ctx, m, networkScript, networkRequest{Apply: []string{}}, &r)
	return r, err
}

// SetNetwork saves a configuration and brings the interfaces of apply into
// force, provided that what n names is as expected (nil for any). It is
// refused as busy while other changes wait to be applied, which it would apply
// too, unless despiteDirty.
func SetNetwork(ctx context.Context, m guest.Machine, n Network, expect *Network, apply []string, despiteDirty bool) error {
	var r NetworkState
	set := n.whole()
	if expect != nil {
		whole := expect.whole()
		expect = &whole
	}
	return run(ctx, m, networkScript, networkRequest{&set, expect, append([]string{}, apply...), despiteDirty}, &r)
}

// whole has no null in JSON.
func (n Network) whole() Network {
	n.Servers = append([]string{}, n.Servers...)
	gateways := map[string]string{}
	maps.Copy(gateways, n.Gateways)
	n.Gateways = gateways
	return n
}
