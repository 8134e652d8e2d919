package pfsenseconfig

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestClock(t *testing.T) {
	const before = `{"system":{"hostname":"x","timezone":"Etc\/UTC","timeservers":"2.pfsense.pool.ntp.org"},"ntpd":{"enable":"disabled","gps":""}}`
	each(t, before, func(t *testing.T, a *appliance) {
		is, err := ReadClock(t.Context(), a)
		if err != nil || !maps.Equal(is, Clock{Zone: "Etc/UTC", TimeServers: "2.pfsense.pool.ntp.org", NTPEnable: NTPDisabled}) {
			t.Fatalf("got %v, %v", is, err)
		}
		if log := a.log(); log != "" {
			t.Errorf("reading did %s", log)
		}
		if err := SetClock(t.Context(), a, Clock{Zone: "Asia/Kolkata"}, Clock{Zone: "Etc/UTC"}); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "write_config guestd: time zone and servers" {
			t.Errorf("it did %s", log)
		}
		servers, expect := Clock{TimeServers: "a.example b.example", NTPEnable: NTPEnabled}, Clock{TimeServers: is[TimeServers], NTPEnable: is[NTPEnable]}
		if err := SetClock(t.Context(), a, servers, expect); err != nil {
			t.Fatal(err)
		}
		a.log()
		a.has(t, `{"system":{"hostname":"x","timezone":"Asia\/Kolkata","timeservers":"a.example b.example"},"ntpd":{"enable":"enabled","gps":""}}`)
		if err := SetClock(t.Context(), a, servers, servers); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "" {
			t.Errorf("the same again did %s", log)
		}
		if err := ApplyClock(t.Context(), a, false); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "system_timezone_configure" {
			t.Errorf("applying the zone did %s", log)
		}
		if err := ApplyClock(t.Context(), a, true); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "system_timezone_configure, system_ntp_configure" {
			t.Errorf("applying did %s", log)
		}
		var refusal *Refusal
		if err := SetClock(t.Context(), a, servers, expect); !errors.As(err, &refusal) || refusal.Code != "busy" {
			t.Errorf("after somebody else's change: %v", err)
		}
		a.write = "false"
		if err := SetClock(t.Context(), a, Clock{Zone: "UTC"}, Clock{Zone: "Asia/Kolkata"}); err == nil || !strings.Contains(err.Error(), "gave false") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAClockThatIsNotThere(t *testing.T) {
	for _, config := range []string{`{"system":{"hostname":"x"},"ntpd":""}`, `{"system":{"hostname":"x"}}`} {
		each(t, config, func(t *testing.T, a *appliance) {
			if is, err := ReadClock(t.Context(), a); err != nil || !maps.Equal(is, Clock{Zone: "", TimeServers: "", NTPEnable: ""}) {
				t.Errorf("got %v, %v", is, err)
			}
		})
	}
}
