package ntpconf_test

import (
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/mechanisms/ntpconf"
)

const vendors = "restrict default nomodify\nserver 0.example iburst\n# server 9.example\npeer 1.example\nserver 127.127.1.0\nfudge 127.127.1.0 stratum 10\n"

func TestSet(t *testing.T) {
	s := ntpconf.Settings{Servers: []string{"ntp.example", "2001:db8::123"}, Correction: ntpconf.Slew}
	set := ntpconf.Set(vendors, s)
	for _, want := range []string{
		"restrict default nomodify\n#guestd# server 0.example iburst\n# server 9.example\n#guestd# peer 1.example\nserver 127.127.1.0\nfudge",
		"\nserver ntp.example iburst\nserver 2001:db8::123 iburst\ntinker panic 0 step 0\n",
	} {
		if !strings.Contains(set, want) {
			t.Errorf("%q is not in\n%s", want, set)
		}
	}
	if got := ntpconf.Get(set); !reflect.DeepEqual(got, s) {
		t.Errorf("read back as %+v", got)
	}
	if again := ntpconf.Set(set, s); again != set {
		t.Errorf("a second time:\n%s", again)
	}
	if back := ntpconf.Set(set, ntpconf.Settings{}); back != vendors {
		t.Errorf("without servers:\n%s", back)
	}
}

func TestSetTickers(t *testing.T) {
	const text = "# servers for the start\n0.example\n\n1.example\n"
	s := ntpconf.Settings{Servers: []string{"a"}}
	set := ntpconf.SetTickers(text, s)
	if set != "# servers for the start\n#guestd# 0.example\n\n#guestd# 1.example\n" {
		t.Errorf("got %q", set)
	}
	if again := ntpconf.SetTickers(set, s); again != set {
		t.Errorf("a second time: %q", again)
	}
	if back := ntpconf.SetTickers(set, ntpconf.Settings{}); back != text {
		t.Errorf("without servers: %q", back)
	}
}

func FuzzSet(f *testing.F) {
	f.Add(vendors, "step")
	f.Add("#guestd# #guestd# server a\nserver", "slew")
	f.Fuzz(func(t *testing.T, text, correction string) {
		if correction != ntpconf.Step {
			correction = ntpconf.Slew
		}
		s := ntpconf.Settings{Servers: []string{"ntp.example"}, Correction: correction}
		set := ntpconf.Set(text, s)
		if got := ntpconf.Get(set); !strings.Contains(text, "guestd begins here") && !reflect.DeepEqual(got, s) {
			t.Errorf("%q is read back as %+v", set, got)
		}
		tickers := ntpconf.SetTickers(text, s)
		if again := ntpconf.SetTickers(tickers, s); again != tickers {
			t.Errorf("%q becomes %q", tickers, again)
		}
	})
}
