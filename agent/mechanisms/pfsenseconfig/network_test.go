package pfsenseconfig

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const leased = `{"system":{"hostname":"x","dnsallowoverride":"","dnsserver":["192.0.2.53"]},"interfaces":{"wan":{"enable":"","if":"vtnet0","ipaddr":"dhcp","blockpriv":""},"lan":{"if":"vtnet1","ipaddr":"10.0.0.1","subnet":"8","mtu":"1400"}},"gateways":{"gateway_item":[{"interface":"lan","gateway":"10.0.0.2","name":"THEIRS"}]}}`

func TestNetwork(t *testing.T) {
	each(t, leased, func(t *testing.T, a *appliance) {
		is, err := ReadNetwork(t.Context(), a)
		want := NetworkState{
			Network: Network{
				Roles:    map[string]Interface{"wan": {Address: "dhcp"}, "lan": {Address: "10.0.0.1", Subnet: "8", MTU: "1400"}},
				Gateways: map[string]string{}, Servers: []string{"192.0.2.53"}, Override: true,
			},
			Cards: map[string]Card{
				"wan": {"vtnet0", "52:54:00:00:77:01", true, "198.51.100.100", 24, 1500},
				"lan": {"vtnet1", "52:54:00:00:77:01", false, "198.51.100.100", 24, 1500},
			},
			Router: "198.51.100.1", Dirty: []string{},
		}
		if err != nil || !reflect.DeepEqual(is, want) {
			t.Fatalf("got %+v, %v, want %+v", is, err, want)
		}
		if log := a.log(); log != "" {
			t.Errorf("reading did %s", log)
		}

		was := is.Network
		was.Roles = map[string]Interface{"wan": was.Roles["wan"]}
		fixed := Network{
			Roles:    map[string]Interface{"wan": {Address: "192.0.2.10", Subnet: "24", Gateway: GatewayName("wan"), MTU: "1400"}},
			Gateways: map[string]string{"wan": "192.0.2.1"}, Default4: GatewayName("wan"), Servers: []string{"192.0.2.54", "192.0.2.55"},
		}
		if err := SetNetwork(t.Context(), a, fixed, &was, []string{"wan"}, false); err != nil {
			t.Fatal(err)
		}
		services := ""
		if a.paths != "0" {
			services = "restart_interface_services wan, "
		}
		const applied = "setup_gateways_monitor, filter_configure, system_routing_configure, system_resolvconf_generate"
		if log := a.log(); log != "write_config guestd: network, interface_bring_down wan vtnet0 dhcp, interface_configure wan reload, "+services+applied {
			t.Errorf("it did %s", log)
		}
		is, err = ReadNetwork(t.Context(), a)
		wan := fixed
		wan.Roles = map[string]Interface{"wan": fixed.Roles["wan"], "lan": want.Network.Roles["lan"]}
		if err != nil || !reflect.DeepEqual(is.Network, wan) {
			t.Errorf("got %+v, %v, want %+v", is.Network, err, wan)
		}
		if err := SetNetwork(t.Context(), a, fixed, &fixed, nil, false); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != applied {
			t.Errorf("the same again did %s", log)
		}
		if err := SetNetwork(t.Context(), a, was, nil, []string{"wan"}, true); err != nil {
			t.Fatal(err)
		}
		is, err = ReadNetwork(t.Context(), a)
		if err != nil || !reflect.DeepEqual(is.Network, want.Network) {
			t.Errorf("back came %+v, %v, want %+v", is.Network, err, want.Network)
		}
	})
}

func TestNetworkIsRefused(t *testing.T) {
	each(t, leased, func(t *testing.T, a *appliance) {
		var r *Refusal
		other := Network{Roles: map[string]Interface{"wan": {Address: "192.0.2.9", Subnet: "24"}}, Servers: []string{"192.0.2.53"}, Override: true}
		err := SetNetwork(t.Context(), a, other, &other, []string{"wan"}, false)
		if !errors.As(err, &r) || r.Code != "busy" || !strings.Contains(r.Message, "meanwhile") {
			t.Errorf("after somebody else's change: %v", err)
		}
		a.write = "-1"
		if err := SetNetwork(t.Context(), a, other, nil, []string{"wan"}, false); !errors.As(err, &r) || !strings.Contains(r.Message, "gave -1") {
			t.Errorf("on a full disk: %v", err)
		}
		if log := a.log(); strings.Contains(log, "interface_") {
			t.Errorf("what was not saved was applied: %s", log)
		}
		a.has(t, leased)
	})
}

// An empty element is an empty text to pfSense.
func TestNetworkOfEmptyElements(t *testing.T) {
	each(t, `{"system":{"hostname":"x"},"interfaces":{"wan":{"enable":"","if":"vtnet0","ipaddr":"dhcp"}},"gateways":""}`, func(t *testing.T, a *appliance) {
		is, err := ReadNetwork(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		want := is.Network
		want.Gateways, want.Override = map[string]string{"wan": "192.0.2.1"}, true
		if err := SetNetwork(t.Context(), a, want, &is.Network, nil, false); err != nil {
			t.Fatal(err)
		}
		got, err := ReadNetwork(t.Context(), a)
		if err != nil || !reflect.DeepEqual(got.Network, want) {
			t.Errorf("got %+v, %v", got.Network, err)
		}
	})
}
