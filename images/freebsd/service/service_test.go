//go:build unix

package service

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"etc/rc.d/sshd":            "#!/bin/sh\necho sshd $1 HOME=$HOME SECRET=$SECRET\n",
		"usr/local/etc/rc.d/agent": "#!/bin/sh\nexit 3\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/rc.d/plain"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRun(t *testing.T) {
	t.Setenv("SECRET", "not for rc scripts")
	missing := "does not exist in /etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d), or is not executable\n"
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{args: []string{"sshd", "start"}, stdout: "sshd start HOME=/ SECRET=\n"},
		{args: []string{"-v", "sshd", "start"}, stdout: "sshd is located in /etc/rc.d\nsshd start HOME=/ SECRET=\n"},
		{args: []string{"agent", "start"}, code: 3},
		{args: []string{"plain", "start"}, code: 1, stderr: "plain " + missing},
		{args: []string{"nothing", "start"}, code: 1, stderr: "nothing " + missing},
		{args: []string{"-l"}, stdout: "agent\nplain\nsshd\n"},
		{args: []string{"-e"}, code: 64, stderr: "service: option -e is not built in this lookalike\n"},
	}
	root := tree(t)
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		code := Run(test.args, root, &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || stderr.String() != test.stderr {
			t.Errorf("service %q = %d, %q, %q", test.args, code, stdout.String(), stderr.String())
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"sshd"}, {"-Q"}} {
		var stdout, stderr bytes.Buffer
		if code := Run(args, t.TempDir(), &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "Usage:") {
			t.Errorf("service %q = %d, %q", args, code, stderr.String())
		}
	}
}
