package chrony_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/mechanisms/chrony"
)

// vendor begins as the chrony.conf of CentOS Stream 9 does.
const vendor = `# Use public servers from the pool.ntp.org project.
pool 2.centos.pool.ntp.org iburst

# Use NTP servers from DHCP.
sourcedir /run/chrony-dhcp
driftfile /var/lib/chrony/drift
makestep 1.0 3
#server theirs.example
Server old.example`

const chosen = `# Use public servers from the pool.ntp.org project.
#guestd# pool 2.centos.pool.ntp.org iburst

# Use NTP servers from DHCP.
#guestd# sourcedir /run/chrony-dhcp
driftfile /var/lib/chrony/drift
makestep 1.0 3
#server theirs.example
#guestd# Server old.example
# guestd begins here; what is between its two lines is written by it
server ntp.example iburst
server 192.0.2.1 iburst
makestep 0.1 -1
# guestd ends here
`

func TestSet(t *testing.T) {
	s := chrony.Settings{Servers: []string{"ntp.example", "192.0.2.1"}, Correction: chrony.Step}
	got := chrony.Set(vendor, s)
	if got != chosen {
		t.Errorf("got\n%s", got)
	}
	if again := chrony.Set(got, s); again != got {
		t.Errorf("the same again gives\n%s", again)
	}
	if is := chrony.Get(got); !reflect.DeepEqual(is, s) {
		t.Errorf("read %+v", is)
	}
	slew := chrony.Settings{Servers: []string{"a"}, Correction: chrony.Slew}
	if is := chrony.Get(chrony.Set(got, slew)); !reflect.DeepEqual(is, slew) {
		t.Errorf("read %+v, want %+v", is, slew)
	}
	if none := chrony.Set(got, chrony.Settings{}); none != vendor+"\n" {
		t.Errorf("without servers it is\n%s", none)
	}
	if is := chrony.Get(vendor); !reflect.DeepEqual(is, chrony.Settings{}) {
		t.Errorf("the vendor's own is read as %+v", is)
	}
}

func FuzzSet(f *testing.F) {
	f.Add(vendor)
	f.Add(chosen)
	f.Add("#guestd# #guestd# pool x")
	f.Add(strings.Repeat("# guestd begins here; what is between its two lines is written by it\n\n", 2))
	f.Fuzz(func(t *testing.T, text string) {
		s := chrony.Settings{Servers: []string{"ntp.example"}, Correction: chrony.Slew}
		set := chrony.Set(text, s)
		if again := chrony.Set(set, s); again != set {
			t.Errorf("%q: the same again gives %q, not %q", text, again, set)
		}
		if is := chrony.Get(set); !reflect.DeepEqual(is, s) {
			t.Errorf("%q: read %+v", text, is)
		}
	})
}

func TestParseTracking(t *testing.T) {
	for line, want := range map[string]chrony.Tracking{
		// The first is the example of chronyc(1).
		"CB00710F,203.0.113.15,3,1462795839.787123,0.000006523,-0.000000100,0.000004800,-1.100,0.000,0.006,0.001,0.000,64.2,Normal\n": {Source: "203.0.113.15", OffsetSeconds: 0.000006523},
		"C633647B,198.51.100.123,2,1.5,-20.25,0,0,0,0,0,0,0,64.2,Normal":                                                              {Source: "198.51.100.123", OffsetSeconds: 20.25},
		"00000000,,0,0.000000000,0.000000000,0,0,0,0,0,0,0,0,Not synchronised":                                                        {},
		"7F7F0101,,10,1.5,0.000000000,0,0,0,0,0,0,0,0,Normal":                                                                         {},
	} {
		if got, err := chrony.ParseTracking(line); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{"", "506 Cannot talk to daemon", "a,b,1,2,x", "a,b,1,2,NaN"} {
		if got, err := chrony.ParseTracking(line); err == nil {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
}

func FuzzParseTracking(f *testing.F) {
	f.Add("CB00710F,203.0.113.15,3,1462795839.787,-1e300,0")
	f.Fuzz(func(t *testing.T, line string) {
		if got, err := chrony.ParseTracking(line); err == nil && (got.OffsetSeconds < 0 || math.IsInf(got.OffsetSeconds, 0)) {
			t.Errorf("%q gives %+v", line, got)
		}
	})
}
