package windowszone

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for iana, want := range map[string]string{
		"Asia/Kolkata": "India Standard Time", "Asia/Calcutta": "India Standard Time",
		"America/Caracas": "Venezuela Standard Time", "Europe/Rome": "W. Europe Standard Time",
		"Europe/Kyiv": "FLE Standard Time", "UTC": "UTC", "Etc/UTC": "UTC", "Etc/GMT+12": "Dateline Standard Time",
	} {
		if got, ok := Of(iana); !ok || got != want {
			t.Errorf("%s is %q, want %q", iana, got, want)
		}
	}
	for _, none := range []string{"", "Mars/Olympus", "India Standard Time", "Asia"} {
		if got, ok := Of(none); ok {
			t.Errorf("%q is %q", none, got)
		}
	}
}

func TestIANA(t *testing.T) {
	for windows, want := range map[string]string{"India Standard Time": "Asia/Kolkata", "W. Europe Standard Time": "Europe/Berlin", "UTC": "Etc/UTC"} {
		if got, ok := IANA(windows); !ok || got != want {
			t.Errorf("%s is %q, want %q", windows, got, want)
		}
	}
	if got, ok := IANA("Asia/Kolkata"); ok {
		t.Errorf("got %q", got)
	}
}

// Every zone of IANA's is in one of Windows', and comes back to it.
func TestTheTableIsWhole(t *testing.T) {
	names, seen := 0, map[string]string{}
	for name, zones := range all {
		names++
		for zone := range strings.SplitSeq(zones, " ") {
			if other := seen[zone]; other != "" || zone == "" {
				t.Errorf("%q is in %s and in %s", zone, other, name)
			}
			seen[zone] = name
		}
		usual, _ := IANA(name)
		if back, _ := Of(usual); back != name {
			t.Errorf("%s usually is %s, which is %s", name, usual, back)
		}
	}
	if names < 130 || len(seen) < 500 {
		t.Errorf("there are %d names for %d zones", names, len(seen))
	}
}
