package timesyncd_test

import (
	"slices"
	"testing"
	"time"

	"innkeeper/agent/mechanisms/timesyncd"
)

func TestRender(t *testing.T) {
	if got := timesyncd.Render(nil); got != "" {
		t.Errorf("no servers give %q", got)
	}
	want := "# Written by guestd, which undoes changes made here.\n[Time]\nNTP=\nNTP=a.b 192.0.2.1\nFallbackNTP=\n"
	if got := timesyncd.Render([]string{"a.b", "192.0.2.1"}); got != want {
		t.Errorf("got %q", got)
	}
	if got := timesyncd.Parse(want); !slices.Equal(got, []string{"a.b", "192.0.2.1"}) {
		t.Errorf("read %v", got)
	}
	if got := timesyncd.Parse(""); got != nil {
		t.Errorf("nothing is read as %v", got)
	}
}

// The form is that of print_ntp_status_info in systemd's timedatectl.c.
const status = `       Server: 198.51.100.123 (ntp.lab.test)
Poll interval: 32s (min: 32s; max 34min 8s)
         Leap: normal
      Version: 4
      Stratum: 1
    Reference: LOCL
    Precision: 1us (-20)
Root distance: 518us (max: 5s)
       Offset: -1min 2.500100s
        Delay: 1.180ms
       Jitter: 0
 Packet count: 1
`

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]timesyncd.Status{
		status: {Server: "ntp.lab.test", Offset: 62500100 * time.Microsecond, Known: true},
		"Server: 192.0.2.1 (192.0.2.1)\nOffset: +15us\n":     {Server: "192.0.2.1", Offset: 15 * time.Microsecond, Known: true},
		"Server: 192.0.2.1\nOffset: 0\n":                     {Server: "192.0.2.1", Known: true},
		"Server: (null) (ntp.example)\nPacket count: 0\n":    {},
		"Server: 192.0.2.1 (ntp.example)\nOffset: +3 eons\n": {},
		"Failed to query server\n":                           {},
	} {
		if got := timesyncd.ParseStatus(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(status)
	f.Add("Offset: +99999999999y")
	f.Add("Offset: +.s")
	f.Fuzz(func(t *testing.T, text string) {
		if s := timesyncd.ParseStatus(text); s.Offset < 0 {
			t.Errorf("%q gives %+v", text, s)
		}
	})
}
