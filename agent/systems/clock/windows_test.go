package clock_test

import (
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

const zoneName = `HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation\TimeZoneKeyName`

// values are those of a registry, kept as files of the machine.
type values struct{ fake *guesttest.Fake }

func (v values) Value(key, name string) (string, bool, error) {
	path := `HKLM\` + key + `\` + name
	if _, err := v.fake.Stat(path); err != nil {
		return "", false, nil
	}
	return v.fake.Content(path), true, nil
}

// timeService is Windows Time, whose start is a value of the registry.
type timeService struct {
	values
	m *machine
}

const (
	parameters = `HKLM\SYSTEM\CurrentControlSet\Services\W32Time\Parameters\`
	startType  = `HKLM\SYSTEM\CurrentControlSet\Services\W32Time\Start`
)

func (s timeService) Running() (bool, error)   { return !s.m.stopped, nil }
func (s timeService) Automatic() (bool, error) { return s.fake.Content(startType) == "2", nil }

func (s timeService) SetAutomatic(on bool) error {
	return s.m.dying.Load().Call(func() error {
		s.fake.Put(startType, map[bool]string{true: "2", false: "3"}[on])
		return nil
	})
}

func windows(*testing.T) *machine {
	m := &machine{service: "w32time", config: parameters + "NtpServer"}
	m.fake = guesttest.New(map[string]string{
		zoneName: "UTC", startType: "3", parameters + "Type": "AllSync", parameters + "NtpServer": "time.windows.com,0x9",
	})
	for _, zone := range []string{"UTC", "India Standard Time", "W. Europe Standard Time"} {
		m.fake.Put(`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\`+zone+`\Std`, "@tzres.dll,-1")
	}
	m.fake.OnDo("tzutil.exe /s *", func(c guest.Command) (guest.Result, error) {
		m.fake.Put(zoneName, c.Args[1])
		return guest.Result{}, nil
	})
	m.daemon("net.exe start w32time", "unused")
	m.fake.OnDo("w32tm.exe /config *", func(c guest.Command) (guest.Result, error) {
		if c.Args[1] == "/update" {
			if m.stopped {
				return guest.Result{ExitCode: 1}, nil
			}
			m.live = m.fake.Content(m.config)
			return guest.Result{}, nil
		}
		m.fake.Put(parameters+"NtpServer", strings.TrimPrefix(c.Args[1], "/manualpeerlist:"))
		m.fake.Put(parameters+"Type", map[string]string{"manual": "NTP", "all": "AllSync"}[strings.TrimPrefix(c.Args[2], "/syncfromflags:")])
		return guest.Result{}, nil
	})
	m.fake.OnOutput("w32tm.exe /query /status /verbose", "Source: ntp.example,0x8\r\nPhase Offset: -0.2500000s\r\n")
	m.setZone = func(zone string) {
		m.fake.Put(zoneName, map[string]string{"Europe/Rome": "W. Europe Standard Time"}[zone])
	}
	m.handSays, m.alike = "from W. Europe Standard Time to India Standard Time", "Europe/Berlin"
	m.section = clock.Windows(timeService{values{m.fake}, m}, "/ProgramData/own")
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "192.0.2.1"}}
	m.reports = state.TimeActual{Time: m.wants, Source: "ntp.example", OffsetSeconds: offset(0.25)}
	return m
}

// Zones that Windows has one name for are the same to it.
func TestWindowsZones(t *testing.T) {
	m := windows(t)
	rome := state.Time{Zone: "Europe/Rome"}
	p := plan(t, m, rome)
	if len(p.Changes) != 1 || p.Changes[0].Summary != "set Windows' zone from UTC to W. Europe Standard Time" {
		t.Fatalf("got %+v", p.Changes)
	}
	apply(t, m, rome, p)
	if p := plan(t, m, state.Time{Zone: "Europe/Vienna"}); len(p.Changes) > 0 || actual(t, p).Zone != "Europe/Berlin" {
		t.Errorf("got %+v, %s", p.Changes, p.Actual)
	}
	m.fake.Put(zoneName, "Zone of a later Windows")
	if a := actual(t, plan(t, m, state.Time{})); a.Zone != "Zone of a later Windows" {
		t.Errorf("it reports %+v", a)
	}
	_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Zone: "America/Caracas"}))
	sectiontest.ExpectError(t, err, section.Invalid, "time.zone", "is not a zone that this machine knows")
	_, err = m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}, Correction: "slew"}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.correction", "decides")
	m.fake.Put(parameters+"Type", "NT5DS")
	_, err = m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.servers", "domain")
}

func TestTzutilThatFailsIsTold(t *testing.T) {
	m := windows(t)
	m.fake.On("tzutil.exe /s *", guest.Result{ExitCode: 1, Stderr: []byte("no privilege")})
	err := m.section.Apply(t.Context(), m.fake, sectiontest.Encode(t, m.wants), plan(t, m, m.wants))
	if err == nil || !strings.Contains(err.Error(), "no privilege") {
		t.Errorf("got %v", err)
	}
}
