package network_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
	double "innkeeper/images/freenas/middleware"
	"innkeeper/images/freenas/middleware/stacktest"
)

// nas is a TrueNAS in memory: the double of its middleware over a network in memory.
type nas struct {
	*stacktest.Stack
	machine guest.Machine
	client  *middleware.Client
	socket  string
}

func newNAS(t *testing.T) nas {
	t.Helper()
	root, err := os.MkdirTemp("", "mw") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	for _, dir := range []string{"data", "etc", "var/run", "var/db"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n := nas{Stack: stacktest.New(), socket: filepath.Join(root, middleware.Socket)}
	server, err := double.New(ctx, double.Options{Root: root, Stack: n.Stack, SetHostname: func(string) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	if n.client, err = middleware.Connect(t.Context(), n.socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.client.Close)
	if err := n.client.Call(t.Context(), nil, "interfaces.sync", true); err != nil {
		t.Fatal(err)
	}
	n.machine = rendered{guesttest.New(nil), root}
	return n
}

// rendered is a machine whose resolv.conf the middleware renders.
type rendered struct {
	*guesttest.Fake
	root string
}

func (r rendered) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.root, name))
}

// show is all that there is, configured and in force.
func (n nas) show(t *testing.T) string {
	t.Helper()
	out := n.Show()
	for _, method := range []string{"interface.query", "network.configuration.config", "interface.has_pending_changes"} {
		var v any
		if err := n.client.Call(t.Context(), &v, method); err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintln(v)
	}
	routes, err := n.client.StaticRoutes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		out += fmt.Sprintln(r.Destination, r.Gateway, r.Description)
	}
	return out
}

func (n nas) apply(t *testing.T, desired state.Network) section.Plan {
	t.Helper()
	s := network.FreeNAS(n.socket)
	plan, err := s.Plan(t.Context(), n.machine, raw(t, desired))
	if err == nil {
		err = s.Apply(t.Context(), n.machine, raw(t, desired), plan)
	}
	if err != nil {
		t.Fatalf("apply %+v: %v\n%s", desired, err, n.Show())
	}
	again, err := s.Plan(t.Context(), n.machine, raw(t, desired))
	if err != nil || len(again.Changes) > 0 {
		t.Fatalf("after it was applied there is left %+v, %v", again.Changes, err)
	}
	return plan
}

const second = "52:54:00:00:77:02"

// full is all that TrueNAS can do.
func full() state.Network {
	return state.Network{
		Interfaces: []state.Interface{
			{MAC: mac, DHCP4: true, Addresses: []string{"198.51.100.200/24"}},
			{
				MAC: second, MTU: 1492, Addresses: []string{"192.0.2.10/26", "2001:db8::10/64", "192.0.2.11/26"},
				Routes: []state.Route{{To: "192.0.2.128/26", Via: "192.0.2.2"}, {To: "2001:db8:2::/64", Via: "2001:db8::2"}},
			},
			{VLAN: &state.VLAN{On: second, ID: 7}, Addresses: []string{"192.0.2.74/26"}},
		},
		DNS: &state.DNS{Servers: []string{"198.51.100.53"}, Search: []string{"test"}},
	}
}

func TestAnApplianceIsAsChosenAndAsItWas(t *testing.T) {
	n := newNAS(t)
	was := n.show(t)
	plan := n.apply(t, full())
	const want = `vtnet0 up=true mtu=1500 dhcp=true [198.51.100.100/24 198.51.100.200/24]
vtnet1 up=true mtu=1492 dhcp=false [192.0.2.10/26 2001:db8::10/64 192.0.2.11/26]
vlan7 up=true mtu=1492 dhcp=false [192.0.2.74/26]
192.0.2.128/26 via 192.0.2.2 dev vtnet1
2001:db8:2::/64 via 2001:db8::2 dev vtnet1
0.0.0.0/0 via 198.51.100.1 dev vtnet0
`
	if n.Show() != want {
		t.Errorf("in force is\n%swant\n%s", n.Show(), want)
	}
	if pending, err := n.client.PendingChanges(t.Context()); err != nil || pending {
		t.Errorf("not checked in: %t, %v", pending, err)
	}
	for _, address := range full().Interfaces[1].Prefixes()[2:] { // somebody's hand
		if err := n.Remove("vtnet1", address); err != nil {
			t.Fatal(err)
		}
	}
	drift, err := network.FreeNAS(n.socket).Plan(t.Context(), n.machine, raw(t, full()))
	if err != nil || !strings.Contains(fmt.Sprint(drift.Changes), "vtnet1 lacks the address 192.0.2.11/26") {
		t.Errorf("drift: %+v, %v", drift.Changes, err)
	}
	n.apply(t, full())

	s := network.FreeNAS(n.socket)
	for range 2 {
		if err := s.Restore(t.Context(), n.machine, plan.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if got := n.show(t); got != was {
			t.Errorf("restored:\n%s\nwant\n%s", got, was)
		}
	}
}

func TestAnApplianceGoesFromDHCPToAFixedAddressAndBack(t *testing.T) {
	n := newNAS(t)
	n.apply(t, state.Network{Interfaces: []state.Interface{
		{Name: "vtnet0", Addresses: []string{"198.51.100.100/24"}, Gateway4: "198.51.100.2"},
		{Name: "vtnet1", Addresses: []string{"192.0.2.10/26"}},
	}, DNS: &state.DNS{Servers: []string{"198.51.100.53"}}})
	if got := n.Show(); !strings.Contains(got, "vtnet0 up=true mtu=1500 dhcp=false") || !strings.Contains(got, "0.0.0.0/0 via 198.51.100.2") {
		t.Errorf("fixed:\n%s", got)
	}
	// The two change their networks and DHCP with each other.
	n.apply(t, state.Network{Interfaces: []state.Interface{
		{Name: "vtnet0", Addresses: []string{"192.0.2.10/26"}},
		{Name: "vtnet1", Addresses: []string{"198.51.100.100/24"}, Gateway4: "198.51.100.2"},
	}})
	n.apply(t, state.Network{Interfaces: []state.Interface{{Name: "vtnet0", DHCP4: true}, {Name: "vtnet1", State: state.InterfaceDown}}, DNS: &state.DNS{}})
	if got := n.Show(); got != "vtnet0 up=true mtu=1500 dhcp=true [198.51.100.100/24]\nvtnet1 up=false mtu=1500 dhcp=false []\n0.0.0.0/0 via 198.51.100.1 dev vtnet0\n" {
		t.Errorf("with DHCP again:\n%s", got)
	}
}

// A change that was cut short anywhere is undone, by a restore that is cut
// short itself.
func TestAnApplianceIsRestoredFromAnywhere(t *testing.T) {
	for at := 1; ; at++ {
		n := newNAS(t)
		was := n.show(t)
		s := network.FreeNAS(n.socket)
		plan, err := s.Plan(t.Context(), n.machine, raw(t, full()))
		if err != nil {
			t.Fatal(err)
		}
		proxy := cutAfter(t, n.socket, at)
		if network.FreeNAS(proxy).Apply(t.Context(), n.machine, raw(t, full()), plan) == nil {
			if at < 10 {
				t.Errorf("an apply makes %d calls only", at)
			}
			return
		}
		_ = network.FreeNAS(cutAfter(t, n.socket, at/2+1)).Restore(t.Context(), n.machine, plan.Checkpoint)
		if err := s.Restore(t.Context(), n.machine, plan.Checkpoint); err != nil {
			t.Fatalf("cut at call %d: %v\n%s", at, err, n.Show())
		}
		if got := n.show(t); got != was {
			t.Fatalf("cut at call %d, restored:\n%s\nwant\n%s", at, got, was)
		}
	}
}

func TestWhatAnApplianceRefuses(t *testing.T) {
	one := func(i state.Interface) state.Network {
		if i.MAC == "" && i.Name == "" {
			i.MAC = mac
		}
		return state.Network{Interfaces: []state.Interface{i}}
	}
	two := func(a, b state.Interface) state.Network {
		a.Name, b.Name = "vtnet0", "vtnet1"
		return state.Network{Interfaces: []state.Interface{a, b}}
	}
	dns := func(d state.DNS) state.Network {
		n := one(state.Interface{DHCP4: true})
		n.DNS = &d
		return n
	}
	n := newNAS(t)
	was := n.show(t)
	for path, desired := range map[string]state.Network{
		"network.interfaces[0].mac":              one(state.Interface{MAC: "52:54:00:00:00:99", DHCP4: true}),
		"network.interfaces[0].dhcp6":            one(state.Interface{DHCP4: true, DHCP6: true}),
		"network.interfaces[0].slaac":            one(state.Interface{DHCP4: true, SLAAC: true}),
		"network.interfaces[0].mtu":              one(state.Interface{DHCP4: true, MTU: 1400}),
		"network.interfaces[0].routes[0].metric": one(state.Interface{Addresses: []string{"192.0.2.10/26"}, Routes: []state.Route{{To: "10.0.0.0/8", Via: "192.0.2.1", Metric: 7}}}),
		"network.interfaces[0].dhcp4":            two(state.Interface{DHCP4: true}, state.Interface{DHCP4: true}),
		"network.interfaces[0].addresses[0]":     two(state.Interface{Addresses: []string{"192.0.2.10/26"}}, state.Interface{Addresses: []string{"192.0.2.11/26"}}),
		"network.interfaces[1].mtu": {Interfaces: []state.Interface{
			{MAC: mac, DHCP4: true},
			{VLAN: &state.VLAN{On: mac, ID: 7}, MTU: 9000, Addresses: []string{"192.0.2.74/26"}},
		}},
		"network.interfaces":     two(state.Interface{State: state.InterfaceDown}, state.Interface{State: state.InterfaceDown}),
		"network.dns.servers[0]": dns(state.DNS{Servers: []string{"169.254.0.1"}}),
		"network.dns.search[5]":  dns(state.DNS{Search: []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test"}}),
	} {
		_, err := network.FreeNAS(n.socket).Plan(t.Context(), n.machine, raw(t, desired))
		var typed *section.Error
		code := section.Unsupported
		if strings.HasSuffix(path, ".mac") {
			code = section.Invalid
		}
		if !errors.As(err, &typed) || typed.Code != code || typed.Path != path {
			t.Errorf("%s: got %#v", path, err)
		}
	}
	if n.show(t) != was {
		t.Errorf("something was touched:\n%s", n.show(t))
	}
	if err := n.client.SetInterface(t.Context(), "vtnet1", middleware.Settings{Aliases: []middleware.Alias{}}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := network.FreeNAS(n.socket).Plan(t.Context(), n.machine, raw(t, full()))
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != section.Busy {
		t.Errorf("beside an administrator's changes: %v", err)
	}
}
