package main

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want request
		ok   bool
	}{
		"the one in force": {[]string{"/g"}, request{action: get}, true},
		"a zone":           {[]string{"/S", "India Standard Time"}, request{set, "India Standard Time"}, true},
		"all":              {[]string{"-l"}, request{action: list}, true},
		"nothing":          {nil, request{action: help}, true},
		"no zone":          {[]string{"/s"}, request{}, false},
		"words":            {[]string{"/s", "India", "Standard", "Time"}, request{}, false},
		"too much":         {[]string{"/g", "x"}, request{}, false},
		"no option":        {[]string{"UTC"}, request{}, false},
		"a key":            {[]string{"/s", `..\x`}, request{}, false},
		"no summer time":   {[]string{"/s", "W. Europe Standard Time_dstoff"}, request{}, false},
	} {
		if got, err := parse(c.args); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// tzi is a rule as the registry has it.
func tzi(t *testing.T, r rule) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var europe = rule{
	Bias: -60, DaylightBias: -60,
	Standard: systemTime{Month: 10, Day: 5, Hour: 3}, Daylight: systemTime{Month: 3, Day: 5, Hour: 2},
}

func TestPosix(t *testing.T) {
	for want, r := range map[string]rule{
		"<+0530>-5:30": {Bias: -330, DaylightBias: -60},
		"<-0400>+4:00": {Bias: 240},
		"<+0000>-0:00": {},
		"<+0100>-1:00<+0200>-2:00,M3.5.0/2:00,M10.5.0/3:00": europe,
	} {
		back, err := parseRule(tzi(t, r))
		if err != nil || back.posix() != want {
			t.Errorf("got %q, %v; want %q", back.posix(), err, want)
		}
	}
	for name, b := range map[string][]byte{
		"short": {1, 2, 3}, "a bias of days": tzi(t, rule{Bias: 3000}), "a 13th month": tzi(t, rule{Standard: systemTime{Month: 13}}),
	} {
		if r, err := parseRule(b); err == nil {
			t.Errorf("%s is %+v", name, r)
		}
	}
}

// The file is one that others read: here, Go's own reader of zones.
func TestTZif(t *testing.T) {
	zone, err := time.LoadLocationFromTZData("test", europe.tzif())
	if err != nil {
		t.Fatal(err)
	}
	for utc, want := range map[string]string{
		"2026-01-15T12:00:00Z": "13:00 +0100", "2026-07-15T12:00:00Z": "14:00 +0200",
		"2026-03-29T00:59:59Z": "01:59 +0100", "2026-03-29T01:00:00Z": "03:00 +0200",
		"2026-10-25T00:59:59Z": "02:59 +0200", "2026-10-25T01:00:00Z": "02:00 +0100",
	} {
		at, err := time.Parse(time.RFC3339, utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := at.In(zone).Format("15:04 -0700"); got != want {
			t.Errorf("%s is %s, want %s", utc, got, want)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add(make([]byte, 44))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRule(b)
		if err != nil {
			return
		}
		if _, err := time.LoadLocationFromTZData("fuzz", r.tzif()); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
	})
}
