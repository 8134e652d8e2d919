package midclt

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/images/freenas/middleware/stacktest"
)

var stacks sync.Map // by test

func theStack(t *testing.T) *stacktest.Stack {
	s := stacktest.New()
	stacks.Store(t.Name(), s)
	t.Cleanup(func() { stacks.Delete(t.Name()) })
	return s
}

func beneath(t *testing.T) *stacktest.Stack {
	s, _ := stacks.Load(t.Name())
	return s.(*stacktest.Stack)
}

// caller calls methods and expects an exit status and a text.
func caller(t *testing.T, socket string) func(code int, want string, argv ...string) {
	return func(code int, want string, argv ...string) {
		t.Helper()
		got, stdout, stderr := run(t, socket, append([]string{"call"}, argv...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%q = %d, %q, %q; want %d, %q", argv, got, stdout, stderr, code, want)
		}
	}
}

const factory = `vtnet0 up=true mtu=1500 dhcp=true [198.51.100.100/24]
vtnet1 up=true mtu=1500 dhcp=true []
0.0.0.0/0 via 198.51.100.1 dev vtnet0
`

// The calls are those of interface.commit's documentation and of the user
// guide's page Interfaces; what they do is read from plugins/network.py.
func TestInterfacesAreCommittedAndCheckedIn(t *testing.T) {
	_, socket, _ := daemon(t)
	is, call := beneath(t), caller(t, socket)
	call(0, "", "interfaces.sync", "true")
	if is.Show() != factory {
		t.Fatalf("without a configuration:\n%s", is.Show())
	}
	call(0, "False", "interface.has_pending_changes")
	call(1, "[EINVAL] interface_update.ipv4_dhcp: Only one interface can be used for DHCP.", "interface.update", "vtnet0", `{"ipv4_dhcp":true}`)
	call(0, `"ipv4_dhcp": false`, "interface.update", "vtnet1",
		`{"ipv4_dhcp":false,"mtu":1492,"aliases":[{"type":"INET","address":"192.0.2.10","netmask":26},{"type":"INET6","address":"2001:db8::10","netmask":64},{"type":"INET","address":"192.0.2.11","netmask":26}]}`)
	call(0, `"address": "198.51.100.200"`, "interface.update", "vtnet0", `{"ipv4_dhcp":true,"aliases":[{"type":"INET","address":"198.51.100.200","netmask":24}]}`)
	call(0, `"vlan_tag": 7`, "interface.create", `{"type":"VLAN","name":"vlan7","vlan_parent_interface":"vtnet1","vlan_tag":7,"aliases":[{"type":"INET","address":"192.0.2.74","netmask":26}]}`)
	if is.Show() != factory {
		t.Errorf("before the commit:\n%s", is.Show())
	}
	call(0, "True", "interface.has_pending_changes")
	call(0, "", "interface.commit", `{"checkin_timeout":100}`)
	const want = `vtnet0 up=true mtu=1500 dhcp=true [198.51.100.100/24 198.51.100.200/24]
vtnet1 up=true mtu=1492 dhcp=false [192.0.2.10/26 2001:db8::10/64 192.0.2.11/26]
vlan7 up=true mtu=1500 dhcp=false [192.0.2.74/26]
0.0.0.0/0 via 198.51.100.1 dev vtnet0
`
	if is.Show() != want {
		t.Errorf("after the commit:\n%swant\n%s", is.Show(), want)
	}
	call(0, "99.", "interface.checkin_waiting")
	call(0, "", "interface.checkin")
	call(0, "False", "interface.has_pending_changes")
	call(0, "", "interface.rollback") // nothing is left to go back to
	if is.Show() != want {
		t.Errorf("after the checkin:\n%s", is.Show())
	}
	call(0, "vlan7", "interface.delete", "vlan7")
	call(0, "vtnet0", "interface.delete", "vtnet0")
	call(0, "vtnet1", "interface.delete", "vtnet1")
	call(0, "", "interface.commit", `{"rollback":false}`)
	if is.Show() != factory && !strings.Contains(is.Show(), "vtnet1 up=true mtu=1492 dhcp=true") {
		t.Errorf("without a configuration again:\n%s", is.Show())
	}
}

func TestInterfacesGoBackWithoutACheckin(t *testing.T) {
	_, socket, _ := daemon(t)
	is, call := beneath(t), caller(t, socket)
	call(0, "", "interfaces.sync", "true")
	call(0, "", "interface.update", "vtnet0", `{"ipv4_dhcp":false,"aliases":[{"type":"INET","address":"203.0.113.9","netmask":24}]}`)
	call(0, "", "interface.commit", `{"checkin_timeout":3600}`)
	// What is not in the database is taken down, and with it the gateway.
	const cut = "vtnet0 up=true mtu=1500 dhcp=false [203.0.113.9/24]\nvtnet1 up=false mtu=1500 dhcp=false []\n"
	if is.Show() != cut {
		t.Fatalf("after the commit:\n%s", is.Show())
	}
	call(0, "", "interface.rollback")
	// Where nothing is configured nothing is taken away: a trap of the real one.
	left := strings.Replace(factory, "[198", "[203.0.113.9/24 198", 1)
	if is.Show() != left {
		t.Errorf("after the rollback:\n%s", is.Show())
	}
	call(0, "null", "interface.checkin_waiting")
	call(0, "", "interface.update", "vtnet0", `{"ipv4_dhcp":false,"aliases":[{"type":"INET","address":"203.0.113.9","netmask":24}]}`)
	call(0, "", "interface.commit", `{"checkin_timeout":1}`)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if _, stdout, _ := run(t, socket, "call", "interface.has_pending_changes"); strings.Contains(stdout, "False") {
			if is.Show() != left {
				t.Errorf("after the timeout:\n%s", is.Show())
			}
			return
		}
	}
	t.Error("the timeout has not come")
}

func TestWhatInterfacesRefuse(t *testing.T) {
	_, socket, _ := daemon(t)
	is, call := beneath(t), caller(t, socket)
	call(0, "", "interface.update", "vtnet1", `{"ipv4_dhcp":false,"aliases":[{"type":"INET","address":"192.0.2.10","netmask":26}]}`)
	call(0, "", "interface.checkin")
	for argument, want := range map[string]string{
		`{"mtu":1491}`:        "[EINVAL] interface_update.mtu: Should be between 1492 and 9216",
		`{"mtu":"big"}`:       "[mtu] Not an integer",
		`{"options":"mtu 9"}`: "[EINVAL] interface_update.options: MTU should be placed in its own field.",
		`{"gateway":"x"}`:     "[gateway] Field was not expected",
		`{"ipv4_dhcp":1}`:     "[ipv4_dhcp] Not a boolean",
		`{"aliases":[{"type":"INET","address":"192.0.2.20","netmask":24}]}`: "[EINVAL] interface_update.aliases.0: The network 192.0.2.0/24 is already in use by another interface.",
		`{"aliases":[{"type":"INET","address":"10.0.0.300","netmask":24}]}`: "does not appear to be an IPv4 or IPv6 address",
		`{"aliases":[{"type":"INET","address":"10.0.0.3","netmask":33}]}`:   "'10.0.0.3/33' does not appear to be an IPv4 or IPv6 network",
		`{"aliases":[{"type":"INET","address":"10.0.0.3"}]}`:                "[netmask] attribute required",
		`{"aliases":[{"type":"INET5","address":"10.0.0.3","netmask":8}]}`:   "[type] Invalid choice: INET5",
		`{"aliases":["10.0.0.3/8"]}`:                                        "A dict was expected",
		`{"name":"lan0"}`:                                                   "not built",
	} {
		call(1, want, "interface.update", "vtnet0", argument)
	}
	call(1, "Interface vtnet9 does not exist", "interface.update", "vtnet9", `{"mtu":1500}`)
	call(1, "Interface vtnet9 does not exist", "interface.delete", "vtnet9")
	call(1, "[EINVAL] interface_create.vlan_tag: This field is required", "interface.create", `{"type":"VLAN","vlan_parent_interface":"vtnet1"}`)
	call(1, "[EINVAL] interface_create.vlan_tag: Should be between 1 and 4094", "interface.create", `{"type":"VLAN","vlan_parent_interface":"vtnet1","vlan_tag":4095}`)
	call(1, "[EINVAL] interface_create.vlan_parent_interface: Not a valid interface.", "interface.create", `{"type":"VLAN","vlan_parent_interface":"em0","vlan_tag":7}`)
	call(1, "[EINVAL] interface_create.mtu: VLAN MTU cannot be bigger than parent interface.", "interface.create", `{"type":"VLAN","vlan_parent_interface":"vtnet1","vlan_tag":7,"mtu":9000}`)
	call(1, `VLAN interface must start with "vlan" followed by an unique number.`, "interface.create", `{"type":"VLAN","name":"vtnet1.7","vlan_parent_interface":"vtnet1","vlan_tag":7}`)
	call(1, "interface.create of BRIDGE is not built", "interface.create", `{"type":"BRIDGE"}`)
	call(0, "False", "interface.has_pending_changes")
	call(0, "", "interface.update", "vtnet1", `{"aliases":[]}`)
	call(1, "[EFAULT] At least one interface configured with either IPv4 DHCP, IPv6 auto or a static IP is required.", "interface.commit")
	if strings.Contains(is.Show(), "true") {
		t.Errorf("something came into force:\n%s", is.Show())
	}
}

func TestGatewaysAndStaticRoutes(t *testing.T) {
	root, socket, _ := daemon(t)
	is, call := beneath(t), caller(t, socket)
	call(0, "", "interfaces.sync", "true")
	call(1, "[EINVAL] global_configuration_update.ipv4gateway: Gateway 192.0.2.1 is unreachable", "network.configuration.update", `{"ipv4gateway":"192.0.2.1"}`)
	call(1, "[EINVAL] staticroute_create.destination: Destination and gateway address families must match", "staticroute.create", `{"destination":"10.0.0.0/8","gateway":"fe80::1"}`)
	call(1, "10.0.0.1/8 has host bits set", "staticroute.create", `{"destination":"10.0.0.1/8","gateway":"198.51.100.2"}`)
	call(0, `"description": "BEHIND"`, "staticroute.create", `{"destination":"10.0.0.0/8","gateway":"198.51.100.2","description":"Behind"}`)
	// The restart of routing has taken the gateway of DHCP along.
	if got := is.Show(); !strings.HasSuffix(got, "[]\n10.0.0.0/8 via 198.51.100.2 dev vtnet0\n") {
		t.Errorf("with a static route:\n%s", got)
	}
	call(0, "", "route.sync")
	call(0, `"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "198.51.100.1", "interface": "vtnet0"`, "route.system_routes")
	call(0, `"ipv4gateway": "198.51.100.3"`, "network.configuration.update", `{"ipv4gateway":"198.51.100.3","domains":["lab.test"]}`)
	if got := is.Show(); !strings.Contains(got, "0.0.0.0/0 via 198.51.100.3 dev vtnet0\n") || !strings.Contains(got, "10.0.0.0/8 via") {
		t.Errorf("with a gateway:\n%s", got)
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/rc.conf.freenas")); err != nil || !strings.Contains(string(b), "defaultrouter=\"198.51.100.3\"\n") {
		t.Errorf("rc.conf is %q (%v)", b, err)
	}
	call(0, "True", "staticroute.delete", "1")
	call(1, "StaticRoute 1 does not exist", "staticroute.delete", "1")
	call(0, "[]", "staticroute.query")
	if strings.Contains(is.Show(), "10.0.0.0/8") {
		t.Errorf("the route is left:\n%s", is.Show())
	}
}
