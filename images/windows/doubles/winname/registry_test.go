//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

const sample = `WINE REGISTRY Version 2
;; All keys relative to \\Machine

#arch=win64

[System\\ControlSet001\\Control\\ComputerName\\ComputerName] 1764000000
#time=1dc5c0000000000
"ComputerName"="FROG"

[System\\ControlSet001\\Services\\Tcpip\\Parameters] 1764000000
#time=1dc5c0000000000
"DataBasePath"=str(2):"C:\\windows\\system32\\drivers\\etc"
"Domain"="lab.test"
"Hostname"="frog"

[System\\ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces] 1764000000
"Domain"="other.test"
`

func TestReadName(t *testing.T) {
	got, err := readName([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if want := (machineName{host: "frog", domain: "lab.test"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadNameRefuses(t *testing.T) {
	head := "[System\\\\ControlSet001\\\\Services\\\\Tcpip\\\\Parameters] 1\n"
	for _, text := range []string{
		"",
		head + "\"Domain\"=\"lab.test\"\n",
		head + "\"Hostname\"=\"\"\n",
		head + "\"Hostname\"=\"fr og\"\n",
		head + "\"Hostname\"=\"frog\"\n\"Domain\"=\"lab test\"\n",
	} {
		if n, err := readName([]byte(text)); err == nil {
			t.Errorf("%q gave %+v, want an error", text, n)
		}
	}
}

func TestRunWritesAndLeavesAlone(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	registry := filepath.Join(root, "system.reg")
	if err := os.WriteFile(registry, []byte(sample), 0o644); err != nil {
		t.Fatal(err)
	}
	var set string
	again := func() {
		t.Helper()
		if err := run(registry, root, func(name string) error { set = name; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if set != "frog" {
		t.Errorf("the host name was set to %q", set)
	}
	hosts := filepath.Join(root, "etc/hosts")
	data, err := os.ReadFile(hosts)
	if err != nil {
		t.Fatal(err)
	}
	if want := "127.0.0.1 localhost\n127.0.1.1 frog.lab.test frog\n::1 localhost ip6-localhost ip6-loopback\n"; string(data) != want {
		t.Errorf("hosts is %q, want %q", data, want)
	}
	before, err := os.Stat(hosts)
	if err != nil {
		t.Fatal(err)
	}
	again()
	after, err := os.Stat(hosts)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("an unchanged file was written again")
	}
}

func FuzzReadName(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := readName(data)
		if err == nil && (n.host == "" || n.check() != nil) {
			t.Errorf("%q gives %+v", data, n)
		}
	})
}
