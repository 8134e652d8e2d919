package network_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
)

// firewall is a pfSense in memory, with what the agent's script for the network
// does to its configuration and its cards.
type firewall struct {
	fake *guesttest.Fake
	is   pfsenseconfig.NetworkState
	// cut has the next change saved and not brought into force.
	cut bool
}

var request = regexp.MustCompile(`base64_decode\('([^']*)'\)`)

func newFirewall() *firewall {
	f := &firewall{fake: guesttest.New(nil), is: pfsenseconfig.NetworkState{
		Network: pfsenseconfig.Network{
			Roles:    map[string]pfsenseconfig.Interface{"wan": {Address: "dhcp"}, "opt1": {Address: "pppoe"}},
			Gateways: map[string]string{}, Servers: []string{}, Override: true,
		},
		Cards: map[string]pfsenseconfig.Card{
			"wan":  {Name: "vtnet0", MAC: mac, Enabled: true, Address: "198.51.100.100", Bits: 24, MTU: 1500},
			"opt1": {Name: "vtnet1", MAC: "52:54:00:00:77:02", Enabled: true, MTU: 1500},
		},
		Router: "198.51.100.1", Dirty: []string{},
	}}
	f.fake.OnDo(pfsenseconfig.PHP, f.php)
	return f
}

func (f *firewall) php(c guest.Command) (guest.Result, error) {
	encoded := request.FindSubmatch(c.Stdin)
	if encoded == nil || !bytes.Contains(c.Stdin, []byte("guestd_network(")) {
		return guest.Result{ExitCode: 255, Stderr: []byte("PHP Parse error")}, nil
	}
	text, err := base64.StdEncoding.DecodeString(string(encoded[1]))
	if err != nil {
		return guest.Result{}, err
	}
	var r struct {
		Set, Expect *pfsenseconfig.Network
		Apply       []string
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return guest.Result{}, err
	}
	var answer any
	if r.Set != nil && !f.change(*r.Set, r.Expect, r.Apply) {
		answer = map[string]string{"code": "busy", "message": "the network was changed in pfSense meanwhile"}
	} else {
		answer = f.is
	}
	b, err := json.Marshal(answer)
	if f.cut && r.Set != nil {
		return guest.Result{}, errors.New("the power went")
	}
	return guest.Result{Stdout: append([]byte("Loading...\n@guestd@ "), append(b, '\n')...)}, err
}

func (f *firewall) change(set pfsenseconfig.Network, expect *pfsenseconfig.Network, apply []string) bool {
	now := f.is.Network
	now.Roles = map[string]pfsenseconfig.Interface{}
	for role := range set.Roles {
		now.Roles[role] = f.is.Network.Roles[role]
	}
	if expect != nil && !reflect.DeepEqual(now, *expect) {
		return false
	}
	all := maps.Clone(f.is.Network.Roles)
	maps.Copy(all, set.Roles)
	f.is.Network = set
	f.is.Network.Roles = all
	if f.cut {
		return true
	}
	for _, role := range apply {
		i, card := all[role], f.is.Cards[role]
		card.Address, card.Bits, card.MTU = "198.51.100.100", 24, 1500
		if i.Address != "dhcp" {
			card.Address = i.Address
			_, _ = fmt.Sscan(i.Subnet, &card.Bits)
		}
		if i.MTU != "" {
			_, _ = fmt.Sscan(i.MTU, &card.MTU)
		}
		f.is.Cards[role] = card
		f.is.Router = "198.51.100.1"
		if own := set.Gateways[role]; own != "" {
			f.is.Router = own
		}
	}
	return true
}

func (f *firewall) show() string { return fmt.Sprintf("%+v", f.is) }

var static = state.Network{
	Interfaces: []state.Interface{{MAC: strings.ToUpper(mac), Addresses: []string{"198.51.100.100/24"}, Gateway4: "198.51.100.2", MTU: 1400}},
	DNS:        &state.DNS{Servers: []string{"198.51.100.53"}},
}

func TestAFirewallGoesFromDHCPToAFixedAddressAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFirewall(), network.PFSense()
		was := f.show()
		plan, err := s.Plan(t.Context(), f.fake, raw(t, static))
		if err != nil || len(plan.Changes) == 0 || f.show() != was {
			t.Fatalf("plan: %+v, %v, now %s", plan, err, f.show())
		}
		if err := s.Apply(t.Context(), f.fake, raw(t, static), plan); err != nil {
			t.Fatal(err)
		}
		want := pfsenseconfig.Interface{Address: "198.51.100.100", Subnet: "24", Gateway: "GUESTD_WAN", MTU: "1400"}
		if n := f.is.Network; n.Roles["wan"] != want || n.Default4 != "GUESTD_WAN" || fmt.Sprint(n.Gateways, n.Servers, n.Override) != "map[wan:198.51.100.2] [198.51.100.53] false" {
			t.Errorf("configured is %+v", n)
		}
		again, err := s.Plan(t.Context(), f.fake, raw(t, static))
		if err != nil || len(again.Changes) > 0 {
			t.Errorf("after it was applied there is left %+v, %v", again.Changes, err)
		}
		var actual network.Actual
		if err := json.Unmarshal(again.Actual, &actual); err != nil || len(actual.Interfaces) != 1 || actual.Interfaces[0].Device != "vtnet0" ||
			fmt.Sprintln(actual.Interfaces[0].Addresses, actual.Interfaces[0].Gateway4, actual.Interfaces[0].MTU, actual.DNS.Servers) != "[198.51.100.100/24] 198.51.100.2 1400 [198.51.100.53]\n" {
			t.Errorf("read back %s, %v", again.Actual, err)
		}

		card := f.is.Cards["wan"] // somebody's hand
		card.MTU = 1500
		f.is.Cards["wan"] = card
		drift, err := s.Plan(t.Context(), f.fake, raw(t, static))
		if err != nil || !strings.Contains(fmt.Sprint(drift.Changes), "wan has an MTU of 1500, not 1400") {
			t.Errorf("drift: %+v, %v", drift.Changes, err)
		}
		if err := s.Apply(t.Context(), f.fake, raw(t, static), drift); err != nil || f.is.Cards["wan"].MTU != 1400 {
			t.Errorf("drift is left: %v, %s", err, f.show())
		}

		leased := state.Network{Interfaces: []state.Interface{{Name: "vtnet0", DHCP4: true}}, DNS: &state.DNS{}}
		back, err := s.Plan(t.Context(), f.fake, raw(t, leased))
		if err == nil {
			err = s.Apply(t.Context(), f.fake, raw(t, leased), back)
		}
		if err != nil || f.show() != was {
			t.Errorf("with DHCP again: %v\n%s\nwant\n%s", err, f.show(), was)
		}
		if err := s.Apply(t.Context(), f.fake, raw(t, static), plan); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Restore(t.Context(), f.fake, plan.Checkpoint); err != nil || f.show() != was {
				t.Errorf("restored: %v\n%s\nwant\n%s", err, f.show(), was)
			}
		}
	})
}

// Between the configuration's writing and its coming into force the power can go.
func TestAFirewallIsRestoredFromBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFirewall(), network.PFSense()
		was := f.show()
		plan, err := s.Plan(t.Context(), f.fake, raw(t, static))
		if err != nil {
			t.Fatal(err)
		}
		f.cut = true
		if err := s.Apply(t.Context(), f.fake, raw(t, static), plan); err == nil || f.show() == was {
			t.Fatalf("nothing was cut: %v", err)
		}
		f.cut = false
		if err := s.Restore(t.Context(), f.fake, plan.Checkpoint); err != nil || f.show() != was {
			t.Fatalf("after a cut apply: %v\n%s\nwant\n%s", err, f.show(), was)
		}
		other := static
		other.Interfaces = []state.Interface{{MAC: mac, Addresses: []string{"198.51.100.9/24"}}}
		if plan, err = s.Plan(t.Context(), f.fake, raw(t, other)); err == nil {
			err = s.Apply(t.Context(), f.fake, raw(t, other), plan)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.cut = true
		if err := s.Restore(t.Context(), f.fake, plan.Checkpoint); err == nil {
			t.Fatal("the restore was not cut")
		}
		f.cut = false
		if err := s.Restore(t.Context(), f.fake, plan.Checkpoint); err != nil || f.show() != was {
			t.Errorf("after a cut restore: %v\n%s\nwant\n%s", err, f.show(), was)
		}
	})
}

func TestWhatAFirewallRefuses(t *testing.T) {
	one := func(i state.Interface) state.Network {
		if i.MAC == "" && i.Name == "" {
			i.MAC = mac
		}
		return state.Network{Interfaces: []state.Interface{i}}
	}
	for path, c := range map[string]struct {
		desired state.Network
		code    section.Code
	}{
		"network.interfaces[0].mac":          {one(state.Interface{MAC: "52:54:00:00:00:99", DHCP4: true}), section.Invalid},
		"network.interfaces[0].name":         {one(state.Interface{Name: "vtnet1", DHCP4: true}), section.Unsupported},
		"network.interfaces[0].state":        {one(state.Interface{State: state.InterfaceDown}), section.Unsupported},
		"network.interfaces[0].dhcp6":        {one(state.Interface{DHCP4: true, DHCP6: true}), section.Unsupported},
		"network.interfaces[0].slaac":        {one(state.Interface{DHCP4: true, SLAAC: true}), section.Unsupported},
		"network.interfaces[0].addresses[0]": {one(state.Interface{DHCP4: true, Addresses: []string{"192.0.2.1/24"}}), section.Unsupported},
		"network.interfaces[0].addresses[1]": {one(state.Interface{Addresses: []string{"192.0.2.1/24", "192.0.2.2/24"}}), section.Unsupported},
		"network.interfaces[0].gateway6":     {one(state.Interface{Addresses: []string{"2001:db8::1/64"}, Gateway6: "fe80::1"}), section.Unsupported},
		"network.interfaces[0].routes":       {one(state.Interface{DHCP4: true, Routes: []state.Route{{To: "10.0.0.0/8", Via: "192.0.2.1"}}}), section.Unsupported},
		"network.interfaces[1].vlan": {state.Network{Interfaces: []state.Interface{
			{MAC: mac, DHCP4: true},
			{VLAN: &state.VLAN{On: mac, ID: 7}, DHCP4: true},
		}}, section.Unsupported},
		"network.dns.search": {state.Network{Interfaces: []state.Interface{{MAC: mac, DHCP4: true}}, DNS: &state.DNS{Search: []string{"lab.test"}}}, section.Unsupported},
	} {
		f := newFirewall()
		was := f.show()
		_, err := network.PFSense().Plan(t.Context(), f.fake, raw(t, c.desired))
		var typed *section.Error
		if !errors.As(err, &typed) || typed.Code != c.code || typed.Path != path || f.show() != was {
			t.Errorf("%s: got %#v", path, err)
		}
	}

	f := newFirewall()
	f.is.Dirty = []string{"interfaces"}
	_, err := network.PFSense().Plan(t.Context(), f.fake, raw(t, static))
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != section.Busy || !strings.Contains(typed.Message, "interfaces") {
		t.Errorf("beside an administrator's changes: %v", err)
	}
	f.is.Dirty = nil
	plan, err := network.PFSense().Plan(t.Context(), f.fake, raw(t, static))
	if err != nil {
		t.Fatal(err)
	}
	f.is.Network.Servers = []string{"192.0.2.53"}
	if err := network.PFSense().Apply(context.WithoutCancel(t.Context()), f.fake, raw(t, static), plan); !errors.As(err, &typed) || typed.Code != section.Busy {
		t.Errorf("after somebody else's change: %v", err)
	}
	if !slices.Equal(f.is.Network.Servers, []string{"192.0.2.53"}) {
		t.Error("somebody else's change is lost")
	}
}
