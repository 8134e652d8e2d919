//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		line string
		want commandLine
	}{
		{"root=/dev/vda rw quiet", commandLine{root: "/dev/vda", init: "/sbin/init"}},
		{"root=/dev/vda ro init=/etc/rc 3\n", commandLine{root: "/dev/vda", readOnly: true, init: "/etc/rc", initArgs: []string{"3"}}},
		{"ro rw root=/dev/vda -- -v root=x", commandLine{root: "/dev/vda", init: "/sbin/init", initArgs: []string{"-v", "root=x"}}},
		{"root=/dev/vda init=", commandLine{root: "/dev/vda", init: "/sbin/init"}},
	} {
		got, err := parseCommandLine(tt.line)
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		if got.root != tt.want.root || got.readOnly != tt.want.readOnly || got.init != tt.want.init || !slices.Equal(got.initArgs, tt.want.initArgs) {
			t.Errorf("%q: got %+v, want %+v", tt.line, got, tt.want)
		}
	}
	if _, err := parseCommandLine("quiet"); err == nil {
		t.Error("a command line without a root was taken")
	}
}

func FuzzCommandLine(f *testing.F) {
	f.Add("root=/dev/vda rw -- 3")
	f.Fuzz(func(t *testing.T, line string) {
		if c, err := parseCommandLine(line); err == nil && (c.init == "" || c.root == "") {
			t.Errorf("%q gives %+v", line, c)
		}
	})
}
