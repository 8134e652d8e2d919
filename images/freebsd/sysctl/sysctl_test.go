package sysctl

import (
	"bytes"
	"strings"
	"testing"

	"innkeeper/images/freebsd/kernel"
)

func TestRun(t *testing.T) {
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
		set    string
	}{
		{args: []string{"-n", "kern.hostname"}, stdout: "old.example.net\n"},
		{args: []string{"kern.hostname"}, stdout: "kern.hostname: old.example.net\n"},
		{args: []string{"-e", "kern.hostname"}, stdout: "kern.hostname=old.example.net\n"},
		{args: []string{"kern.hostname=nas1.example.net"}, stdout: "kern.hostname: old.example.net -> nas1.example.net\n", set: "nas1.example.net"},
		{args: []string{"-n", "kern.ident", "kern.ostype"}, stdout: "TRUENAS\nFreeBSD\n"},
		{args: []string{"kern.nothing"}, code: 1, stderr: "sysctl: unknown oid 'kern.nothing'\n"},
		{args: []string{"-i", "kern.nothing"}},
		{args: []string{"-q", "kern.nothing"}, code: 1},
		{args: []string{"kern.ostype=Linux"}, code: 1, stderr: "sysctl: oid 'kern.ostype' is read only\n"},
		{args: []string{"-d", "kern.ostype"}, code: 64, stderr: "sysctl: option -d is not built in this lookalike\n"},
	}
	for _, test := range tests {
		var set string
		k := kernel.Kernel{
			Identity:    kernel.Identity{OSType: "FreeBSD", Ident: "TRUENAS"},
			Hostname:    func() (string, error) { return "old.example.net", nil },
			SetHostname: func(name string) error { set = name; return nil },
		}
		var stdout, stderr bytes.Buffer
		code := Run(test.args, k, &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || stderr.String() != test.stderr || set != test.set {
			t.Errorf("sysctl %q = %d, %q, %q, set %q", test.args, code, stdout.String(), stderr.String(), set)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"-n"}, {"-Z"}} {
		var stdout, stderr bytes.Buffer
		if code := Run(args, kernel.Kernel{}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "usage: sysctl") {
			t.Errorf("sysctl %q = %d, %q", args, code, stderr.String())
		}
	}
}

func TestAllListsEveryName(t *testing.T) {
	k := kernel.Kernel{Hostname: func() (string, error) { return "h", nil }}
	var stdout, stderr bytes.Buffer
	if code := Run([]string{"-a"}, k, &stdout, &stderr); code != 0 {
		t.Fatalf("sysctl -a = %d", code)
	}
	if lines := strings.Count(stdout.String(), "\n"); lines != len(names) {
		t.Errorf("sysctl -a printed %d lines, want %d", lines, len(names))
	}
}
