package clock_test

import (
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/middleware/middlewaretest"
	"innkeeper/agent/mechanisms/ntpcontrol"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

func freenasWith(t *testing.T) (*machine, *middlewaretest.Server) {
	s := middlewaretest.Start(t)
	m := &machine{service: "ntpd", always: true}
	m.section = clock.Asking(clock.FreeNAS(s.Socket, "/data/own"), ntpcontrol.Status{Source: "198.51.100.124", OffsetSeconds: 0.5})
	m.fake = guesttest.New(zones(map[string]string{"/var/db/zoneinfo": "America/Los_Angeles\n"}))
	m.settings = func() string { return s.Zone() + "\n" + strings.Join(s.TimeServers(), "\n") }
	m.live = strings.Join([]string{"0.freebsd.pool.ntp.org", "1.freebsd.pool.ntp.org"}, " ")
	s.Time = func(zone string) { m.fake.Put("/var/db/zoneinfo", zone+"\n") }
	s.NTP = func(addresses []string) {
		m.live = strings.Join(addresses, " ")
		m.stopped = false
	}
	s.Before = func(string) error { return m.dying.Load().Call(func() error { return nil }) }
	m.fake.OnDo("/usr/sbin/service ntpd status", func(guest.Command) (guest.Result, error) {
		if m.stopped {
			return guest.Result{ExitCode: 1}, nil
		}
		return guest.Result{}, nil
	})
	m.setZone = func(zone string) {
		s.SetZone(zone)
		m.fake.Put("/var/db/zoneinfo", zone+"\n")
	}
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "2001:db8::123", "192.0.2.1"}}
	m.reports = state.TimeActual{Time: m.wants, Source: "198.51.100.124", OffsetSeconds: offset(0.5)}
	return m, s
}

func freenas(t *testing.T) *machine {
	m, _ := freenasWith(t)
	return m
}

// The servers that an administrator had come back as he wrote them, and his own
// stay where none were ever chosen.
func TestTrueNASOwnServersComeBack(t *testing.T) {
	m, s := freenasWith(t)
	own := s.TimeServers()
	zone := state.Time{Zone: "Asia/Kolkata"}
	apply(t, m, zone, plan(t, m, zone))
	if got := s.TimeServers(); strings.Join(got, "") != strings.Join(own, "") {
		t.Errorf("a zone alone made them %v", got)
	}
	one := state.Time{Servers: []string{"ntp.example"}}
	p := plan(t, m, one)
	if len(p.Changes) != 1 || p.Changes[0].Summary != "have TrueNAS' NTP servers be ntp.example instead of 0.freebsd.pool.ntp.org, 1.freebsd.pool.ntp.org" {
		t.Errorf("got %+v", p.Changes)
	}
	apply(t, m, one, p)
	two := state.Time{Servers: []string{"b.example", "c.example"}}
	apply(t, m, two, plan(t, m, two))
	apply(t, m, state.Time{}, plan(t, m, state.Time{}))
	if got := s.TimeServers(); strings.Join(got, "") != strings.Join(own, "") {
		t.Errorf("they are %v, want %v", got, own)
	}
}

func TestWhatTrueNASCannotDoIsSaidBefore(t *testing.T) {
	m := freenas(t)
	_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}, Correction: "step"}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.correction", "no setting")
	_, err = m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Zone: "Etc/GMT+12"}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.zone", "Etc/GMT")
}
