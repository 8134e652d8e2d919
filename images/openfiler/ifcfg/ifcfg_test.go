package ifcfg

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine is one in a folder, which remembers what was run on it.
type machine struct {
	*Machine
	ran      []string
	out, err bytes.Buffer
}

func newMachine(t *testing.T, files map[string]string) *machine {
	m := &machine{}
	m.Machine = &Machine{Root: t.TempDir(), Out: &m.out, Err: &m.err}
	m.Env = func(env []string, argv ...string) error {
		m.ran = append(m.ran, strings.Join(append(env, argv...), " "))
		return nil
	}
	m.Run = func(argv ...string) error { return m.Env(nil, argv...) }
	m.Kill = func(pid int) error {
		if pid != 77 {
			return errors.New("another's")
		}
		m.ran = append(m.ran, "kill 77")
		return nil
	}
	files["sys/class/net/eth0/address"] = "52:54:00:00:77:01\n"
	files["sys/class/net/lo/address"] = "00:00:00:00:00:00\n"
	for name, text := range files {
		file := filepath.Join(m.Root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// What ifup-aliases of initscripts does for the files eth0:*.
func TestAliases(t *testing.T) {
	const dir = "etc/sysconfig/network-scripts/"
	m := newMachine(t, map[string]string{
		eth0:                 "DEVICE=eth0\nBOOTPROTO=dhcp\nNOZEROCONF=yes\n",
		dir + "ifcfg-eth0:1": "DEVICE=eth0:1\nONBOOT=yes\nIPADDR=192.0.2.7\nNETMASK=255.255.255.0\n",
		dir + "ifcfg-eth0:2": "DEVICE=eth0:2\nONPARENT=no\nIPADDR=192.0.2.8\nNETMASK=255.255.255.0\n",
		dir + "ifcfg-eth01":  "DEVICE=eth01\nIPADDR=192.0.2.9\n",
	})
	if status := m.Up([]string{"eth0"}); status != 0 {
		t.Fatalf("status %d, %s%s", status, m.out.String(), m.err.String())
	}
	want := []string{
		"/usr/sbin/arping -q -c 2 -w 3 -D -I eth0 192.0.2.7",
		"/sbin/ip addr add 192.0.2.7/24 brd + dev eth0 label eth0:1",
	}
	if got := m.ran[1:]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("ran %q", got)
	}
	taken := *m.Machine
	taken.Run = func(argv ...string) error {
		if argv[0] == "/usr/sbin/arping" {
			return errors.New("an answer")
		}
		return m.Run(argv...)
	}
	if status := taken.Up([]string{"eth0"}); status != 1 || !strings.Contains(m.out.String(), "Error, some other host already uses address 192.0.2.7.") {
		t.Errorf("status %d, %s", status, m.out.String())
	}
}

const eth0 = "etc/sysconfig/network-scripts/ifcfg-eth0"

func TestUp(t *testing.T) {
	for name, tt := range map[string]struct {
		network, file string
		ran           []string
		said          string
	}{
		"dhcp": {
			"NETWORKING=yes\n", "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nHWADDR=52:54:00:00:77:01\n",
			[]string{
				"/sbin/dhclient -1 -q -lf /var/lib/dhclient/dhclient-eth0.leases -pf /var/run/dhclient-eth0.pid eth0",
				"/sbin/ip route replace 169.254.0.0/16 dev eth0",
			},
			"\nDetermining IP information for eth0... done.\n",
		},
		"static": {
			"GATEWAY=192.0.2.1\nGATEWAYDEV=eth0\n", "DEVICE=eth0\nBOOTPROTO=static\nIPADDR=192.0.2.10\nNETMASK=255.255.255.0\nMTU=1400\n",
			[]string{
				"/sbin/ip link set dev eth0 mtu 1400",
				"/sbin/ip link set dev eth0 up",
				"/usr/sbin/arping -q -c 2 -w 3 -D -I eth0 192.0.2.10",
				"/sbin/ip addr replace 192.0.2.10/24 brd + dev eth0 label eth0",
				"/usr/sbin/arping -q -A -c 1 -I eth0 192.0.2.10",
				"/sbin/ip route replace default via 192.0.2.1 dev eth0",
				"/sbin/ip route replace 169.254.0.0/16 dev eth0",
			},
			"",
		},
		"a gateway elsewhere": {
			"GATEWAY=10.9.9.9\n", "DEVICE=eth0\nIPADDR=172.16.0.9\nNOZEROCONF=yes\n",
			[]string{
				"/sbin/ip link set dev eth0 up",
				"/usr/sbin/arping -q -c 2 -w 3 -D -I eth0 172.16.0.9",
				"/sbin/ip addr replace 172.16.0.9/16 brd + dev eth0 label eth0",
				"/usr/sbin/arping -q -A -c 1 -I eth0 172.16.0.9",
			},
			"",
		},
	} {
		m := newMachine(t, map[string]string{networkFile: tt.network, eth0: tt.file})
		if status := m.Up([]string{"eth0"}); status != 0 {
			t.Errorf("%s: %d, %s%s", name, status, m.out.String(), m.err.String())
		}
		if got, want := strings.Join(m.ran, "\n"), strings.Join(tt.ran, "\n"); got != want {
			t.Errorf("%s ran\n%s\nwant\n%s", name, got, want)
		}
		if m.out.String() != tt.said {
			t.Errorf("%s said %q", name, m.out.String())
		}
	}
}

func TestUpRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"DEVICE=eth0\nHWADDR=52:54:00:00:00:99\n": "Device eth0 has different MAC address than expected, ignoring.\n",
		"DEVICE=eth9\n":                     "Device eth9 does not seem to be present, delaying initialization.\n",
		"DEVICE=eth0\nVLAN=yes\n":           "PHYSDEV should be set for device eth0\n",
		"DEVICE=eth9.7\nVLAN=yes\n":         " device eth9.7 does not seem to be present, delaying initialization.\n",
		"DEVICE=eth0\nIPADDR=192.0.2.300\n": "Error adding address 192.0.2.300 for eth0.\n",
	} {
		m := newMachine(t, map[string]string{eth0: file})
		if status := m.Up([]string{"ifcfg-eth0"}); status != 1 || m.out.String() != want {
			t.Errorf("%q: %d, %q", file, status, m.out.String())
		}
	}
	m := newMachine(t, map[string]string{eth0: "DEVICE=eth0\nrm -rf /\n"})
	for _, args := range [][]string{{}, {"eth7"}, {"../../passwd"}} {
		m.err.Reset()
		if status := m.Up(args); status != 1 || m.err.String() != "usage: ifup <device name>\n" {
			t.Errorf("%v: %d, %q", args, status, m.err.String())
		}
	}
	if status := m.Up([]string{"eth0"}); status != 1 || len(m.ran) > 0 {
		t.Errorf("a file with a command: %d, ran %v", status, m.ran)
	}
	m = newMachine(t, map[string]string{eth0: "DEVICE=eth0\nONBOOT=no\n"})
	if status := m.Up([]string{"eth0", "boot"}); status != 0 || len(m.ran) > 0 {
		t.Errorf("ONBOOT=no at boot: %d, ran %v", status, m.ran)
	}
	m.UID = 1000
	if status := m.Up([]string{"eth0"}); status != 1 || !strings.Contains(m.err.String(), "Users cannot control this device.") {
		t.Errorf("a user: %d, %q", status, m.err.String())
	}
}

// What ifup and ifdown-eth of initscripts do for VLAN=yes.
func TestVLAN(t *testing.T) {
	const file = "etc/sysconfig/network-scripts/ifcfg-eth0.7"
	files := func() map[string]string {
		return map[string]string{
			file: "DEVICE=eth0.7\nVLAN=yes\nNOZEROCONF=yes\n", "sys/class/net/eth0.7/address": "52:54:00:00:77:01\n",
		}
	}
	m := newMachine(t, files())
	if status := m.Up([]string{"eth0.7"}); status != 0 {
		t.Fatalf("status %d, %s%s", status, m.out.String(), m.err.String())
	}
	want := []string{
		"/sbin/modprobe 8021q",
		"/sbin/ip link set dev eth0 up",
		"/sbin/ip link add dev eth0.7 link eth0 type vlan id 7",
		"/sbin/ip link set dev eth0.7 up",
	}
	if strings.Join(m.ran, "\n") != strings.Join(want, "\n") {
		t.Errorf("ran %q", m.ran)
	}

	there := files()
	there["proc/net/vlan/eth0.7"] = "eth0.7  VID: 7\n"
	m = newMachine(t, there)
	if status := m.Up([]string{"eth0.7"}); status != 0 || strings.Contains(strings.Join(m.ran, "\n"), "link add") {
		t.Errorf("one that is there: %d, ran %q", status, m.ran)
	}
	m.ran = nil
	if status := m.Down([]string{"eth0.7"}); status != 0 || m.ran[len(m.ran)-1] != "/sbin/ip link delete eth0.7 type vlan" {
		t.Errorf("down: %d, ran %q", status, m.ran)
	}

	for command, said := range map[string]string{
		"/sbin/modprobe 8021q": "No 802.1Q VLAN support available in kernel for device eth0.7\n",
		"/sbin/ip link add dev eth0.7 link eth0 type vlan id 7": "ERROR: could not add vlan 7 as eth0.7 on dev eth0\n",
	} {
		m := newMachine(t, files())
		m.Run = func(argv ...string) error {
			if strings.Join(argv, " ") == command {
				return errors.New("no")
			}
			return nil
		}
		if status := m.Up([]string{"eth0.7"}); status != 1 || m.out.String() != said {
			t.Errorf("%s fails: %d, %q", command, status, m.out.String())
		}
	}
}

// What ifup-routes of initscripts does, in both forms of the file.
func TestRoutes(t *testing.T) {
	const route = "etc/sysconfig/network-scripts/route-eth0"
	for text, want := range map[string]string{
		"# to the lab\n10.0.0.0/8 via 192.0.2.1 dev eth0\n\n10.9.0.0/16 via 192.0.2.2 metric 7\n": "/sbin/ip -4 route add 10.0.0.0/8 via 192.0.2.1 dev eth0\n/sbin/ip -4 route add 10.9.0.0/16 via 192.0.2.2 metric 7",
		"ADDRESS0=10.0.0.0\nNETMASK0=255.0.0.0\nGATEWAY0=192.0.2.1\nADDRESS2=10.9.0.0\n":          "/sbin/ip route add 10.0.0.0/8 via 192.0.2.1 dev eth0",
	} {
		m := newMachine(t, map[string]string{eth0: "DEVICE=eth0\nNOZEROCONF=yes\n", route: text})
		if status := m.Up([]string{"eth0"}); status != 0 {
			t.Fatalf("status %d, %s%s", status, m.out.String(), m.err.String())
		}
		if got := strings.Join(m.ran[1:], "\n"); got != want {
			t.Errorf("%q ran\n%s\nwant\n%s", text, got, want)
		}
	}
	m := newMachine(t, map[string]string{eth0: "DEVICE=eth0\nNOZEROCONF=yes\n", route: "10.0.0.0/8 via 192.0.2.1\n"})
	note := m.Run
	m.Run = func(argv ...string) error {
		_ = note(argv...)
		if len(argv) > 3 && argv[3] == "add" {
			return errors.New("RTNETLINK answers: File exists")
		}
		return nil
	}
	if status := m.Up([]string{"eth0"}); status != 0 || m.ran[len(m.ran)-1] != "/sbin/ip -4 route replace 10.0.0.0/8 via 192.0.2.1" {
		t.Errorf("%d, ran %q", status, m.ran)
	}
	if want := "Failed to add route 10.0.0.0/8 via 192.0.2.1, using ip route replace instead.\n"; m.out.String() != want {
		t.Errorf("said %q", m.out.String())
	}
}

func TestDown(t *testing.T) {
	m := newMachine(t, map[string]string{eth0: "DEVICE=eth0\nBOOTPROTO=dhcp\n", "var/run/dhclient-eth0.pid": "77\n"})
	if status := m.Down([]string{"eth0"}); status != 0 {
		t.Errorf("%d, %s%s", status, m.out.String(), m.err.String())
	}
	want := "kill 77\nreason=STOP interface=eth0 /sbin/dhclient-script\n/sbin/ip addr flush dev eth0\n/sbin/ip link set dev eth0 down"
	if got := strings.Join(m.ran, "\n"); got != want {
		t.Errorf("ran\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat(m.pidFile("eth0")); err == nil {
		t.Error("the pid file is still there")
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("# c\nA=1\nB='a b' # x\nexport C=\"d\"e\nD=\nA=2\n")
	if err != nil || c["A"] != "2" || c["B"] != "a b" || c["C"] != "de" || c["D"] != "" || len(c) != 4 {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"A", "A=$B", "A=`x`", "A='x", "A=a b", "1A=b", "A=\"x", "A=a;b"} {
		if c, err := Parse(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("A='b' # c\n")
	f.Add("IPADDR=192.0.2.1\nNETMASK=255.0.255.0\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if p, err := c.prefix(); err == nil && !p.IsValid() {
			t.Errorf("%q gives %v", text, p)
		}
	})
}
