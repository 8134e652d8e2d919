package clock_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/ntpcontrol"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/clock"
)

const configXML = "/cf/conf/config.xml"

// pfsense has a PHP that does what the agent's script for the clock does to it.
func pfsense(*testing.T) *machine {
	m := &machine{service: "ntpd"}
	m.section = clock.Asking(clock.PFSense("/usr/local/own"), ntpcontrol.Status{Source: "192.0.2.1", OffsetSeconds: 0.5})
	m.fake = guesttest.New(zones(map[string]string{
		"/var/db/zoneinfo": "UTC\n",
		configXML:          `{"ntpd/enable":"disabled","system/timeservers":"0.example 1.example","system/timezone":"UTC"}`,
	}))
	m.live = "0.example 1.example"
	m.fake.OnDo("/usr/local/bin/php", func(c guest.Command) (guest.Result, error) {
		encoded := request.FindSubmatch(c.Stdin)
		if encoded == nil || !bytes.Contains(c.Stdin, []byte("system_ntp_configure()")) {
			return guest.Result{ExitCode: 255, Stderr: []byte("PHP Parse error")}, nil
		}
		raw, err := base64.StdEncoding.DecodeString(string(encoded[1]))
		if err != nil {
			return guest.Result{}, err
		}
		var r struct {
			Set, Expect map[string]string
			Zone, NTP   bool
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return guest.Result{}, err
		}
		is := map[string]string{}
		if err := json.Unmarshal([]byte(m.fake.Content(configXML)), &is); err != nil {
			return guest.Result{}, err
		}
		for path, value := range r.Set {
			if is[path] != r.Expect[path] {
				return guest.Result{Stdout: []byte(`@guestd@ {"code":"busy","message":"it was changed meanwhile"}` + "\n")}, nil
			}
			is[path] = value
		}
		b, err := json.Marshal(is)
		if err != nil {
			return guest.Result{}, err
		}
		if len(r.Set) > 0 {
			m.fake.Put(configXML, string(b))
		}
		if r.Zone {
			m.fake.Put("/var/db/zoneinfo", is["system/timezone"]+"\n")
		}
		if r.NTP {
			m.live, m.stopped = is["system/timeservers"], false
		}
		return guest.Result{Stdout: fmt.Appendf(nil, "Loading...\n@guestd@ {\"clock\":%s}\n", b)}, nil
	})
	m.fake.OnDo("/bin/pgrep -F /var/run/ntpd.pid", func(guest.Command) (guest.Result, error) {
		if m.stopped {
			return guest.Result{ExitCode: 1}, nil
		}
		return guest.Result{}, nil
	})
	m.setZone = func(zone string) { m.configure("system/timezone", zone) }
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "2001:db8::123"}}
	m.reports = state.TimeActual{Time: m.wants, Source: "192.0.2.1", OffsetSeconds: offset(0.5)}
	return m
}

// configure sets a value in config.xml alone, as an edit in a page that was not
// applied.
func (m *machine) configure(path, value string) {
	is := map[string]string{}
	if err := json.Unmarshal([]byte(m.fake.Content(configXML)), &is); err != nil {
		panic(err)
	}
	is[path] = value
	b, err := json.Marshal(is)
	if err != nil {
		panic(err)
	}
	m.fake.Put(configXML, string(b))
	if path == "system/timezone" {
		m.fake.Put("/var/db/zoneinfo", value+"\n")
	}
}

var request = regexp.MustCompile(`base64_decode\('([^']*)'\)`)

func TestPFSensesZoneSetByHandIsFound(t *testing.T) {
	for name, change := range map[string]func(m *machine){
		"config.xml": func(m *machine) { m.configure("system/timezone", "Europe/Rome") },
		"zoneinfo":   func(m *machine) { m.fake.Put("/var/db/zoneinfo", "Europe/Rome\n") },
	} {
		m := pfsense(t)
		apply(t, m, m.wants, plan(t, m, m.wants))
		change(m)
		p := plan(t, m, m.wants)
		if len(p.Changes) == 0 {
			t.Fatalf("%s: got %+v", name, p.Changes)
		}
		apply(t, m, m.wants, p)
		if p := plan(t, m, m.wants); len(p.Changes) != 0 {
			t.Errorf("%s: left is %+v", name, p.Changes)
		}
	}
}

// An ntpd that is turned off is turned on for the chosen servers, and off again.
func TestPFSensesNTPIsTurnedOn(t *testing.T) {
	m := pfsense(t)
	before := m.fake.Content(configXML)
	servers := state.Time{Servers: []string{"a.example", "b.example"}}
	apply(t, m, servers, plan(t, m, servers))
	if got, want := m.fake.Content(configXML), `{"ntpd/enable":"enabled","system/timeservers":"a.example b.example","system/timezone":"UTC"}`; got != want {
		t.Errorf("config.xml is %s", got)
	}
	apply(t, m, state.Time{}, plan(t, m, state.Time{}))
	if got := m.fake.Content(configXML); got != before {
		t.Errorf("config.xml is %s", got)
	}
}
