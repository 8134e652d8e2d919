package network_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/sectiontest"
)

// openfiler is an Openfiler in memory, whose devices have what their files said
// when they were last brought up.
type openfiler struct {
	fake *guesttest.Fake
	// up are the addresses of the devices that are up, by device.
	up map[string][]string
}

const scripts = "/etc/sysconfig/network-scripts/"

// The VLAN 7 is of guestd's own, 9 is the owner's.
func newOpenfiler() *openfiler {
	o := &openfiler{up: map[string][]string{}, fake: guesttest.New(map[string]string{
		scripts + "ifcfg-eth0":     "DEVICE=eth0\nUSERCTL=no\nONBOOT=yes\nBOOTPROTO=dhcp\nHWADDR=" + strings.ToUpper(mac) + "\n",
		scripts + "ifcfg-eth0.7":   "# guestd made this VLAN.\nDEVICE=eth0.7\nVLAN=yes\nONBOOT=yes\nBOOTPROTO=static\nIPADDR=192.0.2.7\nNETMASK=255.255.255.0\n",
		scripts + "ifcfg-eth0.9":   "DEVICE=eth0.9\nVLAN=yes\nONBOOT=yes\nBOOTPROTO=static\nIPADDR=192.0.2.130\nNETMASK=255.255.255.128\n",
		"/etc/sysconfig/network":   "NETWORKING=yes\n",
		"/etc/resolv.conf":         "nameserver 198.51.100.53\n",
		"/etc/openfiler.installed": "",
	})}
	for _, device := range []string{"eth0", "eth0.7", "eth0.9"} {
		o.bringUp(device)
	}
	o.fake.On("sh -n", guest.Result{})
	o.fake.OnDo("/sbin/ifup *", func(c guest.Command) (guest.Result, error) { o.bringUp(c.Args[0]); return guest.Result{}, nil })
	o.fake.OnDo("/sbin/ifdown *", func(c guest.Command) (guest.Result, error) {
		delete(o.up, c.Args[0])
		return guest.Result{}, nil
	})
	o.fake.OnDo("ip link delete *", func(c guest.Command) (guest.Result, error) { delete(o.up, c.Args[3]); return guest.Result{}, nil })
	o.fake.OnDo("ip -o link show", func(guest.Command) (guest.Result, error) { return guest.Result{Stdout: []byte(o.links())}, nil })
	o.fake.OnDo("ip -o addr show", func(guest.Command) (guest.Result, error) { return guest.Result{Stdout: []byte(o.addresses())}, nil })
	o.fake.OnOutput("ip -4 route show table main", "")
	o.fake.OnOutput("ip -6 route show table main", "")
	return o
}

var assigned = regexp.MustCompile(`(?m)^([A-Z]+)=(.*)$`)

// bringUp is ifup, with the further addresses of a device.
func (o *openfiler) bringUp(device string) {
	var all []string
	for _, name := range o.fake.Names() {
		if name != scripts+"ifcfg-"+device && !strings.HasPrefix(name, scripts+"ifcfg-"+device+":") {
			continue
		}
		is := map[string]string{}
		for _, match := range assigned.FindAllStringSubmatch(o.fake.Content(name), -1) {
			is[match[1]] = match[2]
		}
		if is["BOOTPROTO"] == "dhcp" {
			all = append(all, "198.51.100.100/24 brd 198.51.100.255 scope global dynamic")
		}
		if is["IPADDR"] != "" {
			bits := map[string]int{"255.255.255.0": 24, "255.255.255.128": 25}[is["NETMASK"]]
			all = append(all, fmt.Sprintf("%s/%d scope global", is["IPADDR"], bits))
		}
	}
	o.up[device] = all
}

func (o *openfiler) links() string {
	flags := func(device string) string {
		if _, up := o.up[device]; up {
			return "<BROADCAST,MULTICAST,UP,LOWER_UP>"
		}
		return "<BROADCAST,MULTICAST>"
	}
	out := "2: eth0: " + flags("eth0") + " mtu 1500 qdisc pfifo_fast state UP\\    link/ether " + mac + " brd ff:ff:ff:ff:ff:ff\n"
	for i, device := range slices.Sorted(maps.Keys(o.up)) {
		if device != "eth0" {
			out += fmt.Sprintf("%d: %s@eth0: %s mtu 1500 qdisc noqueue state UP\\    link/ether %s brd ff:ff:ff:ff:ff:ff\n", 3+i, device, flags(device), mac)
		}
	}
	return out
}

func (o *openfiler) addresses() string {
	out := ""
	for i, device := range slices.Sorted(maps.Keys(o.up)) {
		for _, a := range o.up[device] {
			out += fmt.Sprintf("%d: %s    inet %s %s\\       valid_lft forever preferred_lft forever\n", 2+i, device, a, device)
		}
	}
	return out
}

func (o *openfiler) show() string {
	var b strings.Builder
	for _, name := range o.fake.Names() {
		fmt.Fprintf(&b, "%s:\n%s", name, o.fake.Content(name))
	}
	return b.String() + "kernel:\n" + o.links() + o.addresses()
}

// What the document does not name stays; a VLAN of guestd's own goes, and
// comes back.
func TestOpenfilersVLANs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := newOpenfiler(), network.Sysconfig()
		was := o.show()
		p, err := s.Plan(t.Context(), o.fake, desired("198.51.100.200/24"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), o.fake, desired("198.51.100.200/24"), p); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(o.up); got != "map[eth0:[198.51.100.100/24 brd 198.51.100.255 scope global dynamic 198.51.100.200/24 scope global] eth0.9:[192.0.2.130/25 scope global]]" {
			t.Errorf("up are %s", got)
		}
		if !o.fake.Exists(scripts+"ifcfg-eth0.9") || o.fake.Exists(scripts+"ifcfg-eth0.7") {
			t.Errorf("the files are %v", o.fake.Names())
		}
		again, err := s.Plan(t.Context(), o.fake, desired("198.51.100.200/24"))
		if err != nil || len(again.Changes) > 0 {
			t.Errorf("there is left %+v, %v", again.Changes, err)
		}
		if err := s.Restore(t.Context(), o.fake, p.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if is := o.show(); is != was {
			t.Errorf("restored\n%s\nwant\n%s", is, was)
		}
	})
}

func TestOpenfilersRestoreAfterAPowerCutAtEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOpenfiler()
		subject := sectiontest.Subject{Section: network.Sysconfig(), Machine: o.fake, Show: o.show}
		subject.RestoresAtEveryCall(t, desired("198.51.100.200/24"), 8)
	})
}
