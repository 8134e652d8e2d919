package network_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
)

func raw(t *testing.T, n state.Network) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// all is a document with everything that a connection says.
func all() state.Network {
	return state.Network{
		Interfaces: []state.Interface{
			{
				MAC: mac, Addresses: []string{"192.0.2.10/26", "2001:db8::10/64", "192.0.2.11/26"},
				Gateway4: "192.0.2.1", Gateway6: "fe80::1", MTU: 1400,
				Routes: []state.Route{{To: "10.0.0.0/8", Via: "192.0.2.2"}, {To: "2001:db8:7a::/64", Via: "2001:db8::2", Metric: 7}},
			},
			{VLAN: &state.VLAN{On: mac, ID: 7}, Addresses: []string{"192.0.2.66/26"}, DHCP6: true},
		},
		DNS: &state.DNS{Servers: []string{"198.51.100.53", "2001:db8::53"}, Search: []string{"lab.test", "test"}},
	}
}

// The keys are those of nm-settings-keyfile(5) and nm-settings(5).
const (
	keyfileEth0 = `# Written by guestd, which writes it anew.
[connection]
id=innkeeper-eth0
uuid=UUID
type=ethernet
interface-name=eth0
autoconnect=true
autoconnect-priority=999

[ethernet]
mtu=1400

[ipv4]
method=manual
address1=192.0.2.10/26
address2=192.0.2.11/26
gateway=192.0.2.1
route1=10.0.0.0/8,192.0.2.2
ignore-auto-dns=true
dns=198.51.100.53;
dns-priority=10
dns-search=lab.test;test;

[ipv6]
method=manual
addr-gen-mode=eui64
address1=2001:db8::10/64
gateway=fe80::1
route1=2001:db8:7a::/64,2001:db8::2,7
ignore-auto-dns=true
dns=2001:db8::53;
dns-priority=10
`
	keyfileVLAN = `# Written by guestd, which writes it anew.
[connection]
id=innkeeper-eth0.7
uuid=UUID
type=vlan
interface-name=eth0.7
autoconnect=true
autoconnect-priority=999

[vlan]
flags=1
id=7
parent=eth0

[ipv4]
method=manual
address1=192.0.2.66/26
ignore-auto-dns=true

[ipv6]
method=dhcp
addr-gen-mode=eui64
ignore-auto-dns=true
`
)

func TestConnectionsAreDrafted(t *testing.T) {
	c := newCentOS()
	plan, err := network.NetworkManager().Plan(t.Context(), c.fake, raw(t, all()))
	if err != nil {
		t.Fatal(err)
	}
	for device, want := range map[string]string{"eth0": keyfileEth0, "eth0.7": keyfileVLAN} {
		at := slices.IndexFunc(plan.Changes, func(ch section.Change) bool {
			return ch.Path == connections+"innkeeper-"+device+".nmconnection"
		})
		if at < 0 {
			t.Fatalf("no file of %s in %+v", device, plan.Changes)
		}
		var got strings.Builder
		for line := range strings.Lines(plan.Changes[at].Diff) {
			if text, added := strings.CutPrefix(line, "+"); added && !strings.HasPrefix(line, "+++") {
				if strings.HasPrefix(text, "uuid=") && len(text) == len("uuid=00000000-0000-8000-8000-000000000000\n") {
					text = "uuid=UUID\n"
				}
				got.WriteString(text)
			}
		}
		if got.String() != want {
			t.Errorf("%s is drafted as\n%s\nwant\n%s", device, got.String(), want)
		}
	}
}

func TestWhatAConnectionSaysOfAFamily(t *testing.T) {
	for name, tt := range map[string]struct {
		is         state.Interface
		four, six  string
		further    string
		notFurther string
	}{
		"dhcp":  {state.Interface{DHCP4: true}, "auto", "link-local", "", "address1"},
		"slaac": {state.Interface{SLAAC: true}, "disabled", "auto", "addr-gen-mode=eui64", ""},
		"both":  {state.Interface{DHCP4: true, DHCP6: true, SLAAC: true}, "auto", "auto", "", ""},
		"dhcp6": {state.Interface{DHCP6: true}, "disabled", "dhcp", "", ""},
		"down":  {state.Interface{State: state.InterfaceDown}, "disabled", "link-local", "", "addr-gen-mode"},
		"fixed beside dhcp": {
			state.Interface{DHCP4: true, Addresses: []string{"192.0.2.10/26"}}, "auto", "link-local", "address1=192.0.2.10/26", "",
		},
	} {
		c := newCentOS()
		tt.is.MAC = mac
		plan, err := network.NetworkManager().Plan(t.Context(), c.fake, raw(t, state.Network{Interfaces: []state.Interface{tt.is}}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		diff := plan.Changes[0].Diff
		if !strings.Contains(diff, "[ipv4]\n+method="+tt.four+"\n") || !strings.Contains(diff, "[ipv6]\n+method="+tt.six+"\n") {
			t.Errorf("%s: %s", name, diff)
		}
		if !strings.Contains(diff, tt.further) || tt.notFurther != "" && strings.Contains(diff, tt.notFurther) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestConnectionsArePlannedAppliedAndRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCentOS(), network.NetworkManager()
		was := c.show()
		// NetworkManager has no DHCPv6 server here, and writes resolv.conf itself.
		wanted := all()
		wanted.Interfaces[1].DHCP6, wanted.DNS = false, nil
		plan, err := s.Plan(t.Context(), c.fake, raw(t, wanted))
		if err != nil || c.show() != was {
			t.Fatalf("plan: %v, changed to\n%s", err, c.show())
		}
		if err := s.Apply(t.Context(), c.fake, raw(t, wanted), plan); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.active); got != "map[eth0:innkeeper-eth0 eth0.7:innkeeper-eth0.7]" {
			t.Errorf("active are %s", got)
		}
		if c.fake.Content(connections+"eth0.nmconnection") != installed {
			t.Error("the owner's connection was changed")
		}
		second, err := s.Plan(t.Context(), c.fake, raw(t, wanted))
		if err != nil || len(second.Changes) > 0 {
			t.Errorf("after it was applied there is left %+v, %v", second.Changes, err)
		}

		fewer := state.Network{Interfaces: wanted.Interfaces[:1]}
		third, err := s.Plan(t.Context(), c.fake, raw(t, fewer))
		if err == nil {
			err = s.Apply(t.Context(), c.fake, raw(t, fewer), third)
		}
		if err != nil || c.active["eth0.7"] != "" || c.fake.Exists(connections+"innkeeper-eth0.7.nmconnection") {
			t.Errorf("the VLAN that is chosen no more: %v, active %v", err, c.active)
		}
		if err := s.Restore(t.Context(), c.fake, plan.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if is := c.show(); is != was {
			t.Errorf("restored\n%s\nwant\n%s", is, was)
		}
	})
}

func TestNetworkManagerRefusals(t *testing.T) {
	for what, tt := range map[string]struct {
		change  func(*centos)
		desired state.Network
		code    section.Code
		path    string
		says    string
	}{
		"unmanaged": {
			func(c *centos) {
				c.fake.OnOutput("nmcli -t -e yes -f DEVICE,STATE,CONNECTION device", "eth0:unmanaged:\n")
			},
			state.Network{Interfaces: []state.Interface{{MAC: mac, DHCP4: true}}},
			section.Unsupported, "network.interfaces[0].mac", "told to leave eth0 alone",
		},
		"a server without its family": {
			nil,
			state.Network{Interfaces: []state.Interface{{MAC: mac, DHCP4: true}}, DNS: &state.DNS{Servers: []string{"192.0.2.53", "2001:db8::53"}}},
			section.Unsupported, "network.dns.servers[1]", "of the same family",
		},
		"nmcli's no": {
			func(c *centos) {
				c.fake.On("nmcli --offline connection modify connection.autoconnect yes", guest.Result{ExitCode: 1, Stderr: []byte("Error: ipv4.addresses: no")})
			},
			state.Network{Interfaces: []state.Interface{{MAC: mac, DHCP4: true}}},
			section.Invalid, "network", "ipv4.addresses: no",
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := newCentOS()
			if tt.change != nil {
				tt.change(c)
			}
			was := c.show()
			_, err := network.NetworkManager().Plan(t.Context(), c.fake, raw(t, tt.desired))
			var typed *section.Error
			if !errors.As(err, &typed) || typed.Code != tt.code || typed.Path != tt.path || !strings.Contains(typed.Message, tt.says) {
				t.Errorf("got %#v", err)
			}
			if is := c.show(); is != was {
				t.Errorf("it changed\n%s\nto\n%s", was, is)
			}
		})
	}
}
