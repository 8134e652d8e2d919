package w32time_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/w32time"
)

const told = "Leap Indicator: 0(no warning)\r\nStratum: 2 (secondary reference - syncd by (S)NTP)\r\n" +
	"ReferenceId: 0xC633647C (source IP:  198.51.100.124)\r\nSource: ntp.example,0x8\r\nPoll Interval: 6 (64s)\r\n\r\nPhase Offset: -0.0015000s\r\n"

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]w32time.Status{
		told: {Source: "ntp.example", OffsetSeconds: 0.0015},
		"Source: Local CMOS Clock\r\nPhase Offset: 0.0000000s\r\n": {},
		"Source: Free-running System Clock\r\n":                    {},
		"Quelle: ntp.example,0x8\r\nPhasenoffset: 0.1s\r\n":        {},
		"": {},
	} {
		if got, err := w32time.ParseStatus(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	if _, err := w32time.ParseStatus("Phase Offset: NaN\r\n"); err == nil {
		t.Error("an offset that is no number counts")
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(told)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := w32time.ParseStatus(text)
		if err == nil && (s.OffsetSeconds < 0 || math.IsInf(s.OffsetSeconds, 0) || strings.ContainsAny(s.Source, " ,")) {
			t.Errorf("%q is %+v", text, s)
		}
	})
}

func TestSource(t *testing.T) {
	s := w32time.Follow([]string{"ntp.example", "192.0.2.1"})
	if want := (w32time.Source{Type: "NTP", Peers: "ntp.example,0x8 192.0.2.1,0x8"}); s != want {
		t.Errorf("got %+v", s)
	}
	if got := s.Servers(); !reflect.DeepEqual(got, []string{"ntp.example", "192.0.2.1"}) {
		t.Errorf("got %q", got)
	}
	if got := (w32time.Source{Type: "NT5DS", Peers: "time.windows.com,0x9"}).Servers(); len(got) > 0 {
		t.Errorf("a member of a domain follows %q", got)
	}
	m := guesttest.New(nil)
	m.On("w32tm.exe /config *", guest.Result{})
	if err := w32time.SetSource(t.Context(), m, w32time.Source{Type: "Odd"}); err == nil || !strings.Contains(err.Error(), "no word for the type Odd") {
		t.Errorf("got %v", err)
	}
}
