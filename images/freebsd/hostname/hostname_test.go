package hostname

import (
	"bytes"
	"strings"
	"testing"

	"innkeeper/images/freebsd/kernel"
)

func TestRun(t *testing.T) {
	usage := "usage: hostname [-f] [-s | -d] [name-of-host]\n"
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
		set    string
	}{
		{name: "fw1.example.net", stdout: "fw1.example.net\n"},
		{name: "fw1.example.net", args: []string{"-f"}, stdout: "fw1.example.net\n"},
		{name: "fw1.example.net", args: []string{"-s"}, stdout: "fw1\n"},
		{name: "fw1.example.net", args: []string{"-d"}, stdout: "example.net\n"},
		{name: "fw1", args: []string{"-d"}, stdout: "\n"},
		{name: "fw1.example.net", args: []string{"-s", "-f"}, stdout: "fw1.example.net\n"},
		{name: "old", args: []string{"new.example.net"}, set: "new.example.net"},
		{name: "x", args: []string{"-sd"}, code: 1, stderr: usage},
		{name: "x", args: []string{"a", "b"}, code: 1, stderr: usage},
		{name: "x", args: []string{"-I"}, code: 1, stderr: "hostname: illegal option -- I\n" + usage},
		{name: "x", args: []string{strings.Repeat("a", 256)}, code: 1, stderr: "hostname: sethostname: File name too long\n"},
	}
	for _, test := range tests {
		var set string
		k := kernel.Kernel{
			Hostname:    func() (string, error) { return test.name, nil },
			SetHostname: func(name string) error { set = name; return nil },
		}
		var stdout, stderr bytes.Buffer
		code := Run(test.args, k, &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || stderr.String() != test.stderr || set != test.set {
			t.Errorf("hostname %q = %d, %q, %q, set %q", test.args, code, stdout.String(), stderr.String(), set)
		}
	}
}
