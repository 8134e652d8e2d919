package iproute_test

import (
	"net/netip"
	"reflect"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/iproute"
)

// The texts are those of iproute2 6.15 on Debian 13.
const (
	links = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000\    link/ether 52:54:00:00:77:01 brd ff:ff:ff:ff:ff:ff\    altname enp1s0
3: eth0.7@eth0: <BROADCAST,MULTICAST> mtu 1400 qdisc noqueue state DOWN mode DEFAULT group default qlen 1000\    link/ether 52:54:00:00:77:01 brd ff:ff:ff:ff:ff:ff
`
	addresses = `1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host noprefixroute \       valid_lft forever preferred_lft forever
2: eth0    inet 198.51.100.100/24 metric 100 brd 198.51.100.255 scope global dynamic eth0\       valid_lft 86392sec preferred_lft 86392sec
2: eth0    inet 198.51.100.77/24 brd 198.51.100.255 scope global secondary eth0\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.1 peer 10.0.0.2/32 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::5/64 scope global dadfailed tentative \       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::5054:ff:fe00:7701/64 scope link proto kernel_ll \       valid_lft forever preferred_lft forever
`
	routes4 = `default via 198.51.100.1 dev eth0 proto dhcp src 198.51.100.100 metric 100 
192.0.2.0/24 via 198.51.100.2 dev eth0 proto static 
192.0.2.9 via 198.51.100.3 dev eth0 metric 7 
198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.100 metric 100 
unreachable 203.0.113.0/24 
10.9.0.0/16 proto static 
	nexthop via 198.51.100.2 dev eth0 weight 1 
	nexthop via 198.51.100.3 dev eth0 weight 1 
`
	routes6 = `default via fe80::1 dev eth0 proto ra metric 1024 expires 1797sec pref medium
fe80::/64 dev eth0 proto kernel metric 256 pref medium
`
)

func TestReadTellsWhatIpTells(t *testing.T) {
	f := guesttest.New(nil).OnOutput("ip -o link show", links).OnOutput("ip -o addr show", addresses).
		OnOutput("ip -4 route show table main", routes4).OnOutput("ip -6 route show table main", routes6)
	n, err := iproute.Read(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	eth0, _ := n.Link("eth0")
	want := iproute.Link{Name: "eth0", MAC: "52:54:00:00:77:01", Up: true, MTU: 1500, Addresses: []iproute.Address{
		{Prefix: p("198.51.100.100/24"), Dynamic: true},
		{Prefix: p("198.51.100.77/24")},
		{Prefix: p("10.0.0.1/32")},
		{Prefix: p("2001:db8::5/64"), Failed: true},
		{Prefix: p("fe80::5054:ff:fe00:7701/64"), Link: true},
	}}
	if !reflect.DeepEqual(eth0, want) {
		t.Errorf("eth0 is\n%+v, want\n%+v", eth0, want)
	}
	if vlan, ok := n.Link("eth0.7"); !ok || vlan.Below != "eth0" || vlan.Up || vlan.MTU != 1400 {
		t.Errorf("eth0.7 is %+v", vlan)
	}
	wantRoutes := []iproute.Route{
		{To: p("0.0.0.0/0"), Via: a("198.51.100.1"), Dev: "eth0", Protocol: "dhcp", Metric: 100},
		{To: p("192.0.2.0/24"), Via: a("198.51.100.2"), Dev: "eth0", Protocol: "static"},
		{To: p("192.0.2.9/32"), Via: a("198.51.100.3"), Dev: "eth0", Protocol: "boot", Metric: 7},
		{To: p("198.51.100.0/24"), Dev: "eth0", Protocol: "kernel", Metric: 100},
		{To: p("::/0"), Via: a("fe80::1"), Dev: "eth0", Protocol: "ra", Metric: 1024},
		{To: p("fe80::/64"), Dev: "eth0", Protocol: "kernel", Metric: 256},
	}
	if !reflect.DeepEqual(n.Routes, wantRoutes) {
		t.Errorf("routes are\n%+v, want\n%+v", n.Routes, wantRoutes)
	}
}

func TestReadFailsOnWhatItDoesNotUnderstand(t *testing.T) {
	good := func() *guesttest.Fake {
		return guesttest.New(nil).OnOutput("ip -o link show", links).OnOutput("ip -o addr show", addresses).
			OnOutput("ip -4 route show table main", routes4).OnOutput("ip -6 route show table main", routes6)
	}
	for name, f := range map[string]*guesttest.Fake{
		"a link":     good().OnOutput("ip -o link show", "what is this\n"),
		"an mtu":     good().OnOutput("ip -o link show", "2: eth0: <UP> mtu many\n"),
		"an address": good().OnOutput("ip -o addr show", "2: eth0    inet here scope global eth0\n"),
		"a route":    good().OnOutput("ip -4 route show table main", "somewhere via 198.51.100.1 dev eth0\n"),
		"a router":   good().OnOutput("ip -6 route show table main", "default via router dev eth0\n"),
		"ip itself":  good().On("ip -o addr show", guest.Result{ExitCode: 1, Stderr: []byte("Cannot open netlink socket")}),
	} {
		if _, err := iproute.Read(t.Context(), f); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(links, routes4)
	f.Add(addresses, routes6)
	f.Fuzz(func(t *testing.T, a, b string) {
		found, err := iproute.ParseLinks(a)
		for _, l := range found {
			if err == nil && l.Name == "" {
				t.Fatal("a link without a name")
			}
		}
		all, err := iproute.ParseRoutes(b, false)
		for _, r := range all {
			if err == nil && (!r.To.IsValid() || r.Dev == "") {
				t.Fatalf("a route to nowhere: %+v", r)
			}
		}
	})
}
