//go:build unix

package power

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

func TestShutdown(t *testing.T) {
	tests := []struct {
		args []string
		code int
		sent syscall.Signal
		text string
	}{
		{[]string{"-r", "now"}, 0, Reboot, ""},
		{[]string{"-p", "now", "good", "night"}, 0, PowerOff, ""},
		{[]string{"-h", "+0"}, 0, Halt, ""},
		{[]string{"-r"}, 1, 0, "usage: shutdown"},
		{nil, 1, 0, "usage: shutdown"},
		{[]string{"-rp", "now"}, 1, 0, "incompatible switches"},
		{[]string{"-r", "+5"}, 64, 0, "only now"},
		{[]string{"-k", "now"}, 64, 0, "option -k is not built"},
		{[]string{"now"}, 64, 0, "single user mode"},
		{[]string{"-x", "now"}, 1, 0, "illegal option -- x"},
	}
	for _, test := range tests {
		var sent syscall.Signal
		var stdout, stderr bytes.Buffer
		code := Shutdown(test.args, func(sig syscall.Signal) error { sent = sig; return nil }, &stdout, &stderr)
		if code != test.code || sent != test.sent || !strings.Contains(stderr.String(), test.text) {
			t.Errorf("shutdown %q = %d, sent %v, %q", test.args, code, sent, stderr.String())
		}
	}
}

func TestNow(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		sent syscall.Signal
	}{
		{"reboot", nil, 0, Reboot},
		{"halt", nil, 0, Halt},
		{"halt", []string{"-p"}, 0, PowerOff},
		{"reboot", []string{"-q"}, 64, 0},
		{"reboot", []string{"now"}, 1, 0},
	}
	for _, test := range tests {
		var sent syscall.Signal
		var stderr bytes.Buffer
		code := Now(test.name, test.args, func(sig syscall.Signal) error { sent = sig; return nil }, &stderr)
		if code != test.code || sent != test.sent {
			t.Errorf("%s %q = %d, sent %v, %q", test.name, test.args, code, sent, stderr.String())
		}
	}
}
