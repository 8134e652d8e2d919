//go:build unix

package dhclient

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{"sys/class/net/vtnet0", "etc", "var/run"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := "interface \"vtnet0\" {\n}\nscript \"/usr/local/sbin/pfSense-dhclient-script\";\n"
	if err := os.WriteFile(filepath.Join(dir, "etc/dhclient.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRunBecomesTheClient(t *testing.T) {
	var argv, env []string
	replace := func(path string, a, e []string) error { argv, env = a, e; return nil }
	var stderr bytes.Buffer
	Run([]string{"-c", "/etc/dhclient.conf", "-p", "/var/run/x.pid", "vtnet0"}, root(t), replace, &stderr)
	if got := strings.Join(argv, " "); !strings.Contains(got, "-i vtnet0") || !strings.Contains(got, "-p /var/run/x.pid") || !strings.HasSuffix(got, "-b") {
		t.Errorf("argv = %q, stderr %q", argv, stderr.String())
	}
	if !slices.Contains(env, envScript+"=/usr/local/sbin/pfSense-dhclient-script") {
		t.Errorf("the configuration's script is not passed on: %q", env)
	}
}

func TestRunRefuses(t *testing.T) {
	dir := root(t)
	if err := os.WriteFile(filepath.Join(dir, "var/run/busy.pid"), []byte(fmt.Sprint(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 1, "usage: dhclient"},
		{[]string{"vtnet0", "vtnet1"}, 1, "usage: dhclient"},
		{[]string{"-x", "vtnet0"}, 1, "illegal option -- x"},
		{[]string{"-b", "vtnet9"}, 1, "vtnet9: not found"},
		{[]string{"vtnet9"}, 1, "vtnet9: not found"},
		{[]string{"-c", "/none", "vtnet0"}, 1, "can't open /none"},
		{[]string{"-p", "/var/run/busy.pid", "vtnet0"}, 1, "dhclient already running, pid: "},
	} {
		var stderr bytes.Buffer
		code := Run(test.args, dir, func(string, []string, []string) error { t.Error("became the client"); return nil }, &stderr)
		if code != test.code || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("dhclient %q = %d, %q; want %d, %q", test.args, code, stderr.String(), test.code, test.want)
		}
	}
}

func TestRunGoesToTheBackgroundAtOnce(t *testing.T) {
	var program string
	var argv []string
	var stderr bytes.Buffer
	Run([]string{"-b", "vtnet0"}, root(t), func(path string, a, _ []string) error { program, argv = path, a; return nil }, &stderr)
	if program != "/bin/sh" || len(argv) < 6 || !strings.HasSuffix(argv[2], "&") || argv[4] != "busybox" || argv[len(argv)-1] != "-f" {
		t.Errorf("became %s %q, stderr %q", program, argv, stderr.String())
	}
}

func TestEventBound(t *testing.T) {
	dir := t.TempDir()
	from := map[string]string{
		"interface": "vtnet0", "ip": "198.51.100.100", "subnet": "255.255.255.0", "router": "198.51.100.1",
		"dns": "198.51.100.53 198.51.100.54", "domain": "lab.test", envScript: "/sbin/dhclient-script",
		envLeases: "/var/db/dhclient.leases.vtnet0",
	}
	var argv, env []string
	var stderr bytes.Buffer
	Event([]string{"bound"}, dir, func(name string) string { return from[name] },
		func(_ string, a, e []string) error { argv, env = a, e; return nil }, &stderr)
	if strings.Join(argv, " ") != "sh /sbin/dhclient-script" {
		t.Errorf("argv = %q, stderr %q", argv, stderr.String())
	}
	for _, want := range []string{
		"reason=BOUND", "interface=vtnet0", "new_ip_address=198.51.100.100", "new_subnet_mask=255.255.255.0",
		"new_routers=198.51.100.1", "new_domain_name_servers=198.51.100.53 198.51.100.54", "new_domain_name=lab.test",
		"new_network_number=198.51.100.0", "new_broadcast_address=198.51.100.255",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "var/db/dhclient.leases.vtnet0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fixed-address 198.51.100.100;", "option domain-name-servers 198.51.100.53,198.51.100.54;", `option domain-name "lab.test";`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in the lease file:\n%s", want, text)
		}
	}
}

func TestEventRefusesUnknown(t *testing.T) {
	var stderr bytes.Buffer
	code := Event([]string{"surprise"}, t.TempDir(), os.Getenv, func(string, []string, []string) error { return nil }, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "surprise") {
		t.Errorf("event = %d, %q", code, stderr.String())
	}
}
