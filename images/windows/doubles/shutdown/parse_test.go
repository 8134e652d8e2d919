package main

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"/r /t 0":                   "reboot 0",
		"-R -T 5 -f":                "reboot 5",
		"/s":                        "poweroff 30",
		"/p /f":                     "poweroff 0",
		"/a":                        "abort 0",
		"/r /d p:4:1 /c word /t 60": "reboot 60",
	} {
		got, err := parse(strings.Fields(line))
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", line, got, err, want)
		}
	}
	for _, line := range []string{"", "/t 0", "/r /s", "/r /t", "/r /t -1", "/r /t x", "/r /t 315360001", "/r /d 4", "/m \\\\other /r", "/a /t 0", "/h", "r"} {
		if got, err := parse(strings.Fields(line)); err == nil {
			t.Errorf("%q gave %v, want an error", line, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/r /t 0")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parse(strings.Fields(line))
		if err == nil && (r.delay < 0 || r.delay > longestDelay || r.action == "") {
			t.Errorf("%q gives %+v", line, r)
		}
	})
}
