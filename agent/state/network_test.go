package state_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"innkeeper/agent/state"
)

// parseNetwork reads the section as it stands in a document.
func parseNetwork(section string) (state.Network, error) {
	d, err := state.ParseDesired([]byte(`{"revision":1,"guest":"g","sections":{"network":` + section + `}}`))
	if err != nil {
		return state.Network{}, err
	}
	var n state.Network
	return n, state.DecodeSection("network", d.Sections["network"], &n)
}

// an is a section of one interface eth0 with these fields.
func an(fields string) string { return `{"interfaces":[{"name":"eth0",` + fields + `}]}` }

// two is a section of a first interface with these fields and a second one.
func two(first, second string) string { return `{"interfaces":[{` + first + `},{` + second + `}]}` }

// with is a section with DHCP and this dns.
func with(dns string) string {
	return `{"interfaces":[{"name":"eth0","dhcp4":true}],"dns":` + dns + `}`
}

func TestNetworkValidateAccepts(t *testing.T) {
	for name, section := range map[string]string{
		"dhcp":                 an(`"dhcp4":true`),
		"by MAC":               `{"interfaces":[{"mac":"52:54:00:AB:cd:01","dhcp6":true}]}`,
		"a Windows name":       `{"interfaces":[{"name":"Ethernet 2 (LAN)","slaac":true}]}`,
		"static":               an(`"addresses":["192.0.2.10/24","192.0.2.11/24","2001:db8::10/64"],"gateway4":"192.0.2.1","gateway6":"2001:db8::1"`),
		"link-local gateway":   an(`"addresses":["2001:db8::10/64"],"gateway6":"fe80::1"`),
		"dhcp and an address":  an(`"dhcp4":true,"addresses":["192.0.2.10/24"]`),
		"point to point":       an(`"addresses":["192.0.2.10/31"],"gateway4":"192.0.2.11"`),
		"one host":             an(`"addresses":["192.0.2.10/32"]`),
		"down":                 an(`"state":"down"`),
		"mtu":                  an(`"dhcp4":true,"mtu":9000`),
		"routes":               an(`"addresses":["192.0.2.10/24"],"routes":[{"to":"198.51.100.0/24","via":"192.0.2.2"},{"to":"198.51.100.0/24","via":"192.0.2.3","metric":9}]`),
		"a route beside dhcp":  an(`"dhcp4":true,"routes":[{"to":"198.51.100.0/24","via":"192.0.2.2"}]`),
		"vlan":                 two(`"name":"eth0","dhcp4":true`, `"vlan":{"on":"eth0","id":7},"addresses":["192.0.2.10/24"]`),
		"vlan on a bare one":   two(`"vlan":{"on":"52:54:00:00:00:01","id":4094},"dhcp4":true`, `"mac":"52:54:00:00:00:01"`),
		"dns":                  with(`{"servers":["192.0.2.53","2001:db8::53","127.0.0.1"],"search":["a.test","b-1.test"]}`),
		"search only":          with(`{"search":["a.test"]}`),
		"same net, other card": two(`"name":"a","addresses":["192.0.2.10/24"]`, `"name":"b","addresses":["192.0.2.11/24"]`),
	} {
		if _, err := parseNetwork(section); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetworkValidateRefusesWithThePath(t *testing.T) {
	for _, c := range []struct{ section, path string }{
		{`{}`, "network.interfaces: "},
		{`{"interfaces":[]}`, "network.interfaces: "},
		{`{"interfaces":null}`, "network.interfaces: "},
		{`{"interfaces":{}}`, "network.interfaces: "},
		{`{"interfaces":[{"name":"a","dhcp4":true}],"gateway":"192.0.2.1"}`, "network.gateway: "},
		{`{"interfaces":[` + strings.Repeat(`{},`, 64) + `{}]}`, "network.interfaces: "},
		{`{"interfaces":[{"state":"down"}]}`, "network.interfaces[0]: "},
		{`{"interfaces":[{"dhcp4":true}]}`, "network.interfaces[0]: "},
		{`{"interfaces":[{"name":"a","mac":"52:54:00:00:00:01","dhcp4":true}]}`, "network.interfaces[0]: "},
		{`{"interfaces":[{"name":"a","vlan":{"on":"a","id":1},"dhcp4":true}]}`, "network.interfaces[0]: "},
		{`{"interfaces":[{"mac":"52:54:00:00:00","dhcp4":true}]}`, "network.interfaces[0].mac: "},
		{`{"interfaces":[{"mac":"52-54-00-00-00-01","dhcp4":true}]}`, "network.interfaces[0].mac: "},
		{`{"interfaces":[{"mac":"01:00:5e:00:00:01","dhcp4":true}]}`, "network.interfaces[0].mac: "},
		{`{"interfaces":[{"mac":"00:00:00:00:00:00","dhcp4":true}]}`, "network.interfaces[0].mac: "},
		{`{"interfaces":[{"name":"lo","dhcp4":true}]}`, "network.interfaces[0].name: "},
		{`{"interfaces":[{"name":"../x","dhcp4":true}]}`, "network.interfaces[0].name: "},
		{`{"interfaces":[{"name":"-a","dhcp4":true}]}`, "network.interfaces[0].name: "},
		{`{"interfaces":[{"name":"a\nb","dhcp4":true}]}`, "network.interfaces[0].name: "},
		{`{"interfaces":[{"name":"` + strings.Repeat("a", 256) + `","dhcp4":true}]}`, "network.interfaces[0].name: "},
		{two(`"name":"a","dhcp4":true`, `"name":"a","dhcp4":true`), "network.interfaces[1].name: "},
		{two(`"mac":"52:54:00:00:00:0a","dhcp4":true`, `"mac":"52:54:00:00:00:0A","dhcp4":true`), "network.interfaces[1].mac: "},
		{an(`"state":"up"`), "network.interfaces[0]: "},
		{an(`"state":"off"`), "network.interfaces[0].state: "},
		{an(`"state":"down","dhcp4":true`), "network.interfaces[0].state: "},
		{an(`"state":"down","addresses":["192.0.2.10/24"]`), "network.interfaces[0].state: "},
		{an(`"dhcp4":"yes"`), "network.interfaces[0].dhcp4: "},
		{an(`"addresses":["10.0.0.300/24"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.10"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.10/33"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.010/24"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.10/0"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.0/24"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.255/24"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["224.0.0.1/24"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["127.0.0.1/8"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["0.0.0.0/8"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["250.1.1.1/8"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["::/64"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["ff02::1/64"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["::ffff:192.0.2.1/120"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["fe80::1%eth0/64"]`), "network.interfaces[0].addresses[0]: "},
		{an(`"addresses":["192.0.2.10/24","192.0.2.10/25"]`), "network.interfaces[0].addresses[1]: "},
		{two(`"name":"a","addresses":["192.0.2.10/24"]`, `"name":"b","addresses":["192.0.2.10/24"]`), "network.interfaces[1].addresses[0]: "},
		{an(`"addresses":["192.0.2.10/24"` + strings.Repeat(`,"192.0.2.10/24"`, 32) + `]`), "network.interfaces[0].addresses: "},
		{an(`"addresses":["192.0.2.10/24"],"gateway4":"198.51.100.1"`), "network.interfaces[0].gateway4: "},
		{an(`"addresses":["192.0.2.10/24"],"gateway4":"192.0.2.10"`), "network.interfaces[0].gateway4: "},
		{an(`"addresses":["192.0.2.10/24"],"gateway4":"router"`), "network.interfaces[0].gateway4: "},
		{an(`"addresses":["192.0.2.10/24"],"gateway4":"2001:db8::1"`), "network.interfaces[0].gateway4: "},
		{an(`"addresses":["192.0.2.10/24"],"gateway6":"192.0.2.1"`), "network.interfaces[0].gateway6: "},
		{an(`"addresses":["2001:db8::2/64"],"gateway6":"2001:db8:1::1"`), "network.interfaces[0].gateway6: "},
		{an(`"dhcp4":true,"addresses":["192.0.2.10/24"],"gateway4":"192.0.2.1"`), "network.interfaces[0].gateway4: "},
		{an(`"slaac":true,"gateway6":"fe80::1"`), "network.interfaces[0].gateway6: "},
		{two(`"name":"a","addresses":["192.0.2.10/24"],"gateway4":"192.0.2.1"`, `"name":"b","addresses":["198.51.100.10/24"],"gateway4":"198.51.100.1"`), "network.interfaces[1].gateway4: "},
		{an(`"dhcp4":true,"mtu":575`), "network.interfaces[0].mtu: "},
		{an(`"dhcp4":true,"mtu":9217`), "network.interfaces[0].mtu: "},
		{an(`"dhcp4":true,"mtu":-1`), "network.interfaces[0].mtu: "},
		{an(`"slaac":true,"mtu":1279`), "network.interfaces[0].mtu: "},
		{an(`"dhcp4":true,"routes":[{"to":"198.51.100.1/24","via":"192.0.2.1"}]`), "network.interfaces[0].routes[0].to: "},
		{an(`"dhcp4":true,"routes":[{"to":"0.0.0.0/0","via":"192.0.2.1"}]`), "network.interfaces[0].routes[0].to: "},
		{an(`"dhcp4":true,"routes":[{"to":"default","via":"192.0.2.1"}]`), "network.interfaces[0].routes[0].to: "},
		{an(`"dhcp4":true,"routes":[{"to":"224.0.0.0/8","via":"192.0.2.1"}]`), "network.interfaces[0].routes[0].to: "},
		{an(`"dhcp4":true,"routes":[{"to":"198.51.100.0/24"}]`), "network.interfaces[0].routes[0].via: "},
		{an(`"dhcp4":true,"routes":[{"to":"198.51.100.0/24","via":"2001:db8::1"}]`), "network.interfaces[0].routes[0].via: "},
		{an(`"addresses":["192.0.2.10/24"],"routes":[{"to":"198.51.100.0/24","via":"203.0.113.1"}]`), "network.interfaces[0].routes[0].via: "},
		{an(`"dhcp4":true,"routes":[{"to":"198.51.100.0/24","via":"192.0.2.1"},{"to":"198.51.100.0/24","via":"192.0.2.2"}]`), "network.interfaces[0].routes[1]: "},
		{two(`"name":"a","dhcp4":true`, `"vlan":{"on":"b","id":7},"dhcp4":true`), "network.interfaces[1].vlan.on: "},
		{two(`"name":"a","dhcp4":true`, `"vlan":{"on":"a","id":0},"dhcp4":true`), "network.interfaces[1].vlan.id: "},
		{two(`"name":"a","dhcp4":true`, `"vlan":{"on":"a","id":4095},"dhcp4":true`), "network.interfaces[1].vlan.id: "},
		{two(`"name":"a","state":"down"`, `"vlan":{"on":"a","id":7},"dhcp4":true`), "network.interfaces[1].vlan.on: "},
		{two(`"name":"a","dhcp4":true,"mtu":1400`, `"vlan":{"on":"a","id":7},"dhcp4":true,"mtu":1500`), "network.interfaces[1].mtu: "},
		{`{"interfaces":[{"name":"a","dhcp4":true},{"vlan":{"on":"a","id":7},"dhcp4":true},{"vlan":{"on":"a","id":7},"dhcp4":true}]}`, "network.interfaces[2].vlan: "},
		{with(`{"servers":["dns.test"]}`), "network.dns.servers[0]: "},
		{with(`{"servers":["0.0.0.0"]}`), "network.dns.servers[0]: "},
		{with(`{"servers":["192.0.2.1","192.0.2.1"]}`), "network.dns.servers[1]: "},
		{with(`{"servers":["192.0.2.1","192.0.2.2","192.0.2.3","192.0.2.4"]}`), "network.dns.servers: "},
		{with(`{"search":[""]}`), "network.dns.search[0]: "},
		{with(`{"search":["a..test"]}`), "network.dns.search[0]: "},
		{with(`{"search":["a.test."]}`), "network.dns.search[0]: "},
		{with(`{"search":["a_b.test"]}`), "network.dns.search[0]: "},
		{with(`{"search":["a.test","A.test"]}`), "network.dns.search[1]: "},
		{with(`{"search":["a","b","c","d","e","f","g"]}`), "network.dns.search: "},
		{with(`{"nameservers":[]}`), "network.dns.nameservers: "},
	} {
		_, err := parseNetwork(c.section)
		var invalid *state.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s was accepted, want a problem at %s", c.section, c.path)
			continue
		}
		if reasons := invalid.Reasons(); len(reasons) != 1 || !strings.HasPrefix(reasons[0], c.path) {
			t.Errorf("%s: got %q, want one problem at %s", c.section, reasons, c.path)
		}
	}
}

func TestNameServerIsAskedThroughTheWayOut(t *testing.T) {
	for _, c := range []struct {
		section string
		want    int
	}{
		{two(`"name":"a","dhcp4":true`, `"name":"b","addresses":["192.0.2.10/24"],"gateway4":"192.0.2.1"`), 1},
		{two(`"name":"a","addresses":["192.0.2.10/24"]`, `"name":"b","dhcp4":true`), 1},
		{two(`"name":"a","state":"down"`, `"name":"b","addresses":["192.0.2.10/24"]`), 1},
		{two(`"name":"a","addresses":["198.51.100.10/24"]`, `"name":"b","addresses":["192.0.2.10/24"]`), 0},
	} {
		n, err := parseNetwork(c.section)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.NameServer(); got != c.want {
			t.Errorf("%s: name servers go with %d, want %d", c.section, got, c.want)
		}
	}
}

// What is accepted can be written into any system's configuration: no field
// holds what would end a line or a word there.
func FuzzNetwork(f *testing.F) {
	f.Add(an(`"addresses":["192.0.2.10/24"],"gateway4":"192.0.2.1","mtu":1400,"routes":[{"to":"198.51.100.0/24","via":"192.0.2.2"}]`))
	f.Add(two(`"mac":"52:54:00:00:00:01","slaac":true`, `"vlan":{"on":"52:54:00:00:00:01","id":7},"dhcp6":true`))
	f.Add(with(`{"servers":["2001:db8::53"],"search":["a.test"]}`))
	f.Fuzz(func(t *testing.T, section string) {
		var n state.Network
		if state.DecodeSection("network", json.RawMessage(section), &n) != nil || n.Validate() != nil {
			return
		}
		words := []string{}
		for _, i := range n.Interfaces {
			words = append(append(words, i.Addresses...), i.Gateway4, i.Gateway6, i.MAC)
			if strings.ContainsAny(i.Name, "\n\r\x00\"'`$;/\\") {
				t.Fatalf("the name %q was accepted", i.Name)
			}
			for _, r := range i.Routes {
				words = append(words, r.Via)
				if _, err := netip.ParsePrefix(r.To); err != nil {
					t.Fatalf("the route to %q was accepted", r.To)
				}
			}
			if len(i.Prefixes()) != len(i.Addresses) {
				t.Fatalf("addresses %q were accepted", i.Addresses)
			}
		}
		if n.DNS != nil {
			words = append(append(words, n.DNS.Servers...), n.DNS.Search...)
		}
		for _, w := range words {
			for _, c := range []byte(w) {
				if c <= ' ' || c > '~' || strings.IndexByte("\"'`$;=#\\", c) >= 0 {
					t.Fatalf("%q has %q in it and was accepted", w, c)
				}
			}
		}
	})
}
