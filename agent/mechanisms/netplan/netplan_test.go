package netplan_test

import (
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/netplan"
)

// As cloud-init writes it for a cloud image.
const cloud = `network:
  version: 2
  ethernets:
    enp1s0:
      match: {macaddress: "52:54:00:00:77:01"}
      dhcp4: true
      set-name: "enp1s0"
`

func TestParseTellsWhatAFileDefines(t *testing.T) {
	const text = `network:
  renderer: networkd
  ethernets:
    all: {match: {name: "en*"}}
    virt:
      match: {driver: virtio_net}
      renderer: NetworkManager
  vlans:
    v7: {id: 7, link: all}
`
	got, renderer, err := netplan.Parse(text)
	want := []netplan.Definition{
		{Type: "ethernets", ID: "all", MatchName: "en*"},
		{Type: "ethernets", ID: "virt", MatchOther: true, Renderer: "NetworkManager"},
		{Type: "vlans", ID: "v7"},
	}
	if err != nil || renderer != "networkd" || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %q, %v", got, renderer, err)
	}
	if _, _, err := netplan.Parse("network: [\n"); err == nil {
		t.Error("what is not YAML was read")
	}
	if none, _, err := netplan.Parse("# nothing\n"); err != nil || none != nil {
		t.Errorf("an empty file gives %v, %v", none, err)
	}
}

func TestNamesTellsOneFromSeveral(t *testing.T) {
	const mac = "52:54:00:00:77:01"
	for _, c := range []struct {
		d    netplan.Definition
		want netplan.Names
	}{
		{netplan.Definition{Type: "ethernets", ID: "eth0"}, netplan.This},
		{netplan.Definition{Type: "ethernets", ID: "eth1"}, netplan.Not},
		{netplan.Definition{Type: "ethernets", ID: "x", MatchMAC: "52:54:00:00:77:01"}, netplan.This},
		{netplan.Definition{Type: "ethernets", ID: "eth0", MatchMAC: "52:54:00:00:77:02"}, netplan.Not},
		{netplan.Definition{Type: "ethernets", ID: "x", MatchName: "eth0"}, netplan.This},
		{netplan.Definition{Type: "ethernets", ID: "x", MatchName: "eth*"}, netplan.Among},
		{netplan.Definition{Type: "ethernets", ID: "x", MatchName: "en*"}, netplan.Not},
		{netplan.Definition{Type: "ethernets", ID: "x", MatchOther: true}, netplan.Among},
		{netplan.Definition{Type: "bridges", ID: "eth0"}, netplan.Among},
		{netplan.Definition{Type: "vlans", ID: "eth0.7"}, netplan.Not},
	} {
		if got := c.d.Names("eth0", mac); got != c.want {
			t.Errorf("%+v: got %d, want %d", c.d, got, c.want)
		}
	}
}

func TestCutLeavesTheRestAsItWas(t *testing.T) {
	const several = `# mine
network:
  version: 2
  ethernets:
    # the first
    eth0:
      addresses:
      - 192.0.2.10/24

      # why
      routes:
        - {to: default, via: 192.0.2.1}
    eth1:
      dhcp4: true
  renderer: networkd
`
	for name, c := range map[string]struct{ text, id, want string }{
		"the only one": {cloud, "enp1s0", "network:\n  version: 2\n"},
		"one of two": {several, "eth0", strings.Replace(several, `    eth0:
      addresses:
      - 192.0.2.10/24

      # why
      routes:
        - {to: default, via: 192.0.2.1}
`, "", 1)},
		"the last":      {several, "eth1", strings.Replace(several, "    eth1:\n      dhcp4: true\n", "", 1)},
		"nothing there": {several, "eth2", several},
	} {
		got, err := netplan.Cut(c.text, "ethernets", c.id)
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
	for name, text := range map[string]string{
		"in one line": `network: {ethernets: {eth0: {dhcp4: true}}}`,
		"an anchor":   "network:\n  ethernets:\n    eth0: &a\n      dhcp4: true\n    eth1: *a\n",
	} {
		if got, err := netplan.Cut(text, "ethernets", "eth0"); err == nil {
			t.Errorf("%s: cut to %q", name, got)
		}
	}
}

func TestCheckHasNetplanJudgeACopy(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/netplan/50-cloud-init.yaml": cloud})
	f.PutDir("/run")
	var seen []string
	f.OnDo("netplan generate --root-dir /run/guestd-netplan", func(guest.Command) (guest.Result, error) {
		seen = f.Names()
		f.Put("/run/guestd-netplan/run/systemd/network/10-x.network", "x")
		return guest.Result{ExitCode: 1, Stderr: []byte("/run/guestd-netplan/etc/netplan/a.yaml:5:9: Error in network definition\n")}, nil
	})
	err := netplan.Check(t.Context(), f, []netplan.File{{Path: "/etc/netplan/a.yaml", Text: "x"}})
	if err == nil || !strings.Contains(err.Error(), "/etc/netplan/a.yaml:5:9: Error") || strings.Contains(err.Error(), "/run/guestd-netplan") {
		t.Errorf("got %v", err)
	}
	if want := []string{"/etc/netplan/50-cloud-init.yaml", "/run/guestd-netplan/etc/netplan/a.yaml"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("netplan saw %q", seen)
	}
	if want := []string{"/etc/netplan/50-cloud-init.yaml"}; !reflect.DeepEqual(f.Names(), want) {
		t.Errorf("left behind %q", f.Names())
	}
}

func TestFilesShadowsAsNetplanDoes(t *testing.T) {
	f := guesttest.New(map[string]string{
		"/lib/netplan/a.yaml": "lib", "/etc/netplan/a.yaml": "etc", "/etc/netplan/b.yaml": "b",
		"/run/netplan/b.yaml": "run", "/etc/netplan/c.yaml.bak": "no",
	})
	got, err := netplan.Files(f)
	want := []netplan.File{{Path: "/run/netplan/b.yaml", Text: "run"}, {Path: "/etc/netplan/a.yaml", Text: "etc"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whatever Cut gives is YAML without the definition, and all else as before.
func FuzzCut(f *testing.F) {
	f.Add(cloud, "enp1s0")
	f.Add("network:\n  ethernets:\n    a: {x: |\n      b\n    }\n    c:\n    - 1\n", "a")
	f.Fuzz(func(t *testing.T, text, id string) {
		out, err := netplan.Cut(text, "ethernets", id)
		if err != nil {
			return
		}
		definitions, _, err := netplan.Parse(out)
		if err != nil {
			t.Fatalf("cut %q from %q: %q does not parse: %v", id, text, out, err)
		}
		for _, d := range definitions {
			if d.Type == "ethernets" && d.ID == id {
				t.Fatalf("cut %q from %q: it is still there in %q", id, text, out)
			}
		}
	})
}
