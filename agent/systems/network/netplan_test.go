package network_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

// ubuntu is an Ubuntu in memory: what is in netplan's files when it is applied
// is what the kernel then has.
type ubuntu struct {
	fake *guesttest.Fake
	// live is what was in the files at the last "netplan apply".
	live string
	// deaf has the kernel take no notice of it.
	deaf bool
}

const (
	mac       = "52:54:00:00:77:01"
	installer = "/etc/netplan/50-cloud-init.yaml"
)

func newUbuntu() *ubuntu {
	u := &ubuntu{fake: guesttest.New(map[string]string{
		installer:                               "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n    eth9:\n      dhcp4: false\n",
		"/etc/cloud/cloud.cfg.d/05_logging.cfg": "",
	})}
	u.live = u.files()
	u.fake.OnOutput("ip -o link show", "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"+
		"2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP\\    link/ether "+mac+" brd ff:ff:ff:ff:ff:ff\n")
	u.fake.OnDo("ip -o addr show", func(guest.Command) (guest.Result, error) { return guest.Result{Stdout: []byte(u.addresses())}, nil })
	u.fake.OnOutput("ip -4 route show table main", "default via 198.51.100.1 dev eth0 proto dhcp src 198.51.100.100 metric 100\n")
	u.fake.OnOutput("ip -6 route show table main", "")
	u.fake.OnDo("ip addr del *", func(c guest.Command) (guest.Result, error) {
		u.live = strings.ReplaceAll(u.live, fmt.Sprintf("        - %q\n", c.Args[2]), "")
		return guest.Result{}, nil
	})
	u.fake.OnOutput("resolvectl dns eth0", "Link 2 (eth0): 198.51.100.53\n")
	u.fake.OnOutput("resolvectl domain eth0", "Link 2 (eth0): lab.test\n")
	u.fake.On("netplan generate *", guest.Result{})
	u.fake.OnDo("netplan apply", func(guest.Command) (guest.Result, error) {
		if !u.deaf {
			u.live = u.files()
		}
		return guest.Result{}, nil
	})
	return u
}

// files are netplan's, in its order.
func (u *ubuntu) files() string {
	var all strings.Builder
	for _, name := range u.fake.Names() {
		if path.Dir(name) == "/etc/netplan" {
			fmt.Fprintf(&all, "%s:\n%s", name, u.fake.Content(name))
		}
	}
	return all.String()
}

var fixed = regexp.MustCompile(`(?m)^        - "([0-9.]+/[0-9]+)"$`)

func (u *ubuntu) addresses() string {
	out := "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
	if strings.Contains(u.live, "dhcp4: true") {
		out += "2: eth0    inet 198.51.100.100/24 metric 100 brd 198.51.100.255 scope global dynamic eth0\\       valid_lft 86392sec preferred_lft 86392sec\n"
	}
	for _, match := range fixed.FindAllStringSubmatch(u.live, -1) {
		out += "2: eth0    inet " + match[1] + " brd 198.51.100.255 scope global secondary eth0\\       valid_lft forever preferred_lft forever\n"
	}
	return out
}

// show is all that the section may touch, and what the kernel has.
func (u *ubuntu) show() string {
	var b strings.Builder
	for _, name := range u.fake.Names() {
		if !strings.HasPrefix(name, "/run/") { // memory, written over by the next check
			fmt.Fprintf(&b, "%s:\n%s", name, u.fake.Content(name))
		}
	}
	return b.String() + "kernel:\n" + u.live
}

func desired(addresses ...string) json.RawMessage {
	b, err := json.Marshal(state.Network{Interfaces: []state.Interface{{MAC: mac, DHCP4: true, Addresses: addresses}}})
	if err != nil {
		panic(err)
	}
	return b
}

func TestPlanApplyPlanRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := newUbuntu(), network.Netplan()
		was := u.show()
		first, err := s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
		if err != nil || len(first.Changes) == 0 || len(first.Checkpoint) == 0 {
			t.Fatalf("plan: %+v, %v", first, err)
		}
		if is := u.show(); is != was {
			t.Fatalf("the plan changed\n%s\nto\n%s", was, is)
		}
		if err := s.Apply(t.Context(), u.fake, desired("198.51.100.200/24"), first); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(u.addresses(), "198.51.100.200/24") || !strings.Contains(u.addresses(), "dynamic") {
			t.Errorf("the kernel has %s", u.addresses())
		}
		if other := u.fake.Content(installer); strings.Contains(other, "eth0") || !strings.Contains(other, "eth9") {
			t.Errorf("the installer's file is %s", other)
		}
		second, err := s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
		if err != nil || len(second.Changes) > 0 {
			t.Errorf("after it was applied there is left %+v, %v", second.Changes, err)
		}
		var actual network.Actual
		if err := json.Unmarshal(second.Actual, &actual); err != nil || len(actual.Interfaces) != 1 ||
			actual.Interfaces[0].Device != "eth0" || fmt.Sprint(actual.Interfaces[0].Addresses, actual.Interfaces[0].Leased) != "[198.51.100.200/24] [198.51.100.100/24]" {
			t.Errorf("read back %s, %v", second.Actual, err)
		}
		if err := s.Restore(t.Context(), u.fake, first.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if is := u.show(); is != was {
			t.Errorf("restored\n%s\nwant\n%s", is, was)
		}
	})
}

// An address that somebody added or took away by hand is drift.
func TestWhatTheKernelHasCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := newUbuntu(), network.Netplan()
		p, err := s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
		if err == nil {
			err = s.Apply(t.Context(), u.fake, desired("198.51.100.200/24"), p)
		}
		if err != nil {
			t.Fatal(err)
		}
		u.live = strings.ReplaceAll(u.live, `        - "198.51.100.200/24"`+"\n", "")
		u.fake.Forget()
		p, err = s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
		for _, line := range u.fake.Ran() {
			if strings.Contains(line, "generate") {
				t.Errorf("files that are in place were judged again: %s", line)
			}
		}
		if err != nil || len(p.Changes) == 0 || !strings.Contains(fmt.Sprint(p.Changes), "198.51.100.200/24") {
			t.Fatalf("plan: %+v, %v", p.Changes, err)
		}
		if err := s.Apply(t.Context(), u.fake, desired("198.51.100.200/24"), p); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(u.addresses(), "198.51.100.200/24") {
			t.Errorf("the kernel has %s", u.addresses())
		}
	})
}

func TestWhatDoesNotComeIntoForceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := newUbuntu(), network.Netplan()
		p, err := s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
		if err != nil {
			t.Fatal(err)
		}
		u.deaf = true
		err = s.Apply(t.Context(), u.fake, desired("198.51.100.200/24"), p)
		if err == nil || !strings.Contains(err.Error(), "not in force after 30s") || !strings.Contains(err.Error(), "198.51.100.200/24") {
			t.Errorf("got %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	for what, c := range map[string]struct {
		change  func(*ubuntu)
		desired string
		code    section.Code
		path    string
		says    string
	}{
		"no such card": {nil, `{"interfaces":[{"mac":"52:54:00:00:00:99","dhcp4":true}]}`, section.Invalid, "network.interfaces[0].mac", "has no such interface; it has eth0"},
		"twice":        {nil, `{"interfaces":[{"mac":"52:54:00:00:77:01","dhcp4":true},{"name":"eth0","addresses":["192.0.2.1/24"]}]}`, section.Invalid, "network.interfaces[1].name", "is eth0"},
		"mask":         {nil, `{"interfaces":[{"name":"eth0","addresses":["192.0.2.1/33"]}]}`, section.Invalid, "network.interfaces[0].addresses[0]", ""},
		"netplan's no": {func(u *ubuntu) {
			u.fake.On("netplan generate *", guest.Result{ExitCode: 1, Stderr: []byte("/run/guestd-netplan/etc/netplan/x.yaml:3:1: Error in network definition: no")})
		}, `{"interfaces":[{"name":"eth0","dhcp4":true}]}`, section.Invalid, "network", "Error in network definition: no"},
		"NetworkManager": {func(u *ubuntu) {
			u.fake.Put(installer, "network:\n  version: 2\n  renderer: NetworkManager\n")
		}, `{"interfaces":[{"name":"eth0","dhcp4":true}]}`, section.Unsupported, "network.interfaces[0].name", "NetworkManager"},
		"together": {func(u *ubuntu) {
			u.fake.Put(installer, "network:\n  version: 2\n  ethernets:\n    all:\n      match:\n        name: eth*\n      dhcp4: true\n")
		}, `{"interfaces":[{"name":"eth0","dhcp4":true}]}`, section.Unsupported, "network.interfaces[0].name", "together with other interfaces"},
	} {
		t.Run(what, func(t *testing.T) {
			u := newUbuntu()
			if c.change != nil {
				c.change(u)
			}
			was := u.show()
			_, err := network.Netplan().Plan(t.Context(), u.fake, json.RawMessage(c.desired))
			var typed *section.Error
			if !errors.As(err, &typed) || typed.Code != c.code || typed.Path != c.path || !strings.Contains(typed.Message, c.says) {
				t.Errorf("got %#v", err)
			}
			if is := u.show(); is != was {
				t.Errorf("it changed\n%s\nto\n%s", was, is)
			}
		})
	}
}

func TestSomeoneElsesChangeIsBusy(t *testing.T) {
	u, s := newUbuntu(), network.Netplan()
	p, err := s.Plan(t.Context(), u.fake, desired("198.51.100.200/24"))
	if err != nil {
		t.Fatal(err)
	}
	u.fake.Put(installer, u.fake.Content(installer)+"# mine\n")
	err = s.Apply(t.Context(), u.fake, desired("198.51.100.200/24"), p)
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != section.Busy || !strings.Contains(typed.Message, installer) {
		t.Errorf("got %v", err)
	}
}

func TestRestoreAfterAPowerCutAtEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUbuntu()
		subject := sectiontest.Subject{Section: network.Netplan(), Machine: u.fake, Show: u.show}
		subject.RestoresAtEveryCall(t, desired("198.51.100.200/24"), 5)
	})
}
