package uname

import (
	"bytes"
	"testing"

	"innkeeper/images/freebsd/kernel"
)

func fake() kernel.Kernel {
	return kernel.Kernel{
		Identity: kernel.Identity{
			OSType: "FreeBSD", OSRelease: "13.1-RELEASE-p9", OSRelDate: "1301000",
			Version: "FreeBSD 13.1-RELEASE-p9 n245429 TRUENAS", Ident: "TRUENAS", Machine: "amd64",
		},
		Hostname: func() (string, error) { return "nas1.example.net", nil },
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{nil, 0, "FreeBSD\n", ""},
		{[]string{"-s"}, 0, "FreeBSD\n", ""},
		{[]string{"-o"}, 0, "FreeBSD\n", ""},
		{[]string{"-r"}, 0, "13.1-RELEASE-p9\n", ""},
		{[]string{"-m"}, 0, "amd64\n", ""},
		{[]string{"-i"}, 0, "TRUENAS\n", ""},
		{[]string{"-n"}, 0, "nas1.example.net\n", ""},
		{[]string{"-rs"}, 0, "FreeBSD 13.1-RELEASE-p9\n", ""},
		{[]string{"-a"}, 0, "FreeBSD nas1.example.net 13.1-RELEASE-p9 FreeBSD 13.1-RELEASE-p9 n245429 TRUENAS amd64\n", ""},
		{[]string{"-K"}, 0, "1301000\n", ""},
		{[]string{"-z"}, 1, "", "uname: illegal option -- z\nusage: uname [-abiKmnoprsUv]\n"},
		{[]string{"--version"}, 1, "", "uname: illegal option -- -\nusage: uname [-abiKmnoprsUv]\n"},
		{[]string{"extra"}, 1, "", "usage: uname [-abiKmnoprsUv]\n"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		code := Run(test.args, fake(), &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || stderr.String() != test.stderr {
			t.Errorf("uname %q = %d, %q, %q; want %d, %q, %q", test.args, code, stdout.String(), stderr.String(), test.code, test.stdout, test.stderr)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	t.Setenv("UNAME_r", "12.2-RELEASE")
	var stdout, stderr bytes.Buffer
	if code := Run([]string{"-r"}, fake(), &stdout, &stderr); code != 0 || stdout.String() != "12.2-RELEASE\n" {
		t.Errorf("uname -r = %d, %q", code, stdout.String())
	}
}
