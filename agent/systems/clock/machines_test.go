package clock_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/clock"
)

// machine is one system in memory.
type machine struct {
	section clock.Section
	fake    *guesttest.Fake
	// live is what the NTP daemon has read.
	live string
	// stopped says that it does not run.
	stopped bool
	// service is its name in a plan, config its file.
	service, config string
	// wants is a value of the section that this system can do, and reports what
	// it then reports.
	wants   state.Time
	reports state.TimeActual
}

// show is all that the section may touch, and what the daemon has read.
func (m *machine) show() string {
	var b strings.Builder
	for _, name := range m.fake.Names() {
		target, _ := m.fake.Readlink(name)
		fmt.Fprintf(&b, "%s -> %s:\n%s", name, target, m.fake.Content(name))
	}
	return b.String() + m.live
}

func zones(files map[string]string) map[string]string {
	for _, zone := range []string{"UTC", "Asia/Kolkata", "Europe/Rome"} {
		files["/usr/share/zoneinfo/"+zone] = "TZif of " + zone
	}
	return files
}

// daemon has commands start the NTP daemon and tell whether it runs.
func (m *machine) daemon(restart, status string) {
	read := func() { m.live = m.fake.Content(m.config) }
	read()
	m.fake.OnDo(restart, func(guest.Command) (guest.Result, error) {
		m.stopped = false
		read()
		return guest.Result{}, nil
	})
	m.fake.OnDo(status, func(guest.Command) (guest.Result, error) {
		if m.stopped {
			return guest.Result{ExitCode: 3}, nil
		}
		return guest.Result{}, nil
	})
}

func offset(seconds float64) *float64 { return &seconds }

func ubuntu(*testing.T) *machine {
	m := &machine{section: clock.Ubuntu(), service: "systemd-timesyncd.service", config: "/etc/systemd/timesyncd.conf.d/90-guestd.conf"}
	m.fake = guesttest.New(zones(map[string]string{
		"/usr/lib/systemd/systemd-timesyncd":        "",
		"/etc/timezone":                             "Etc/UTC\n",
		"/etc/systemd/timesyncd.conf.d/theirs.conf": "[Time]\nNTP=theirs.example\n",
	}))
	m.fake.PutLink("/etc/localtime", "/usr/share/zoneinfo/UTC")
	m.fake.On("timedatectl set-timezone Asia/Kolkata", guest.Result{})
	m.fake.On("timedatectl set-timezone UTC", guest.Result{ExitCode: 1, Stderr: []byte("no bus")})
	m.daemon("systemctl restart systemd-timesyncd.service", "systemctl is-active --quiet systemd-timesyncd.service")
	m.fake.OnOutput("timedatectl timesync-status", "Server: 192.0.2.1 (ntp.example)\nOffset: -2.5ms\n")
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "2001:db8::123"}, Correction: "step"}
	m.reports = state.TimeActual{Time: m.wants, Source: "ntp.example", OffsetSeconds: offset(0.0025)}
	return m
}

func centos(*testing.T) *machine {
	m := chrony(clock.CentOS(), "/etc/chrony.conf", "chronyd.service")
	m.fake.PutLink("/etc/localtime", "../usr/share/zoneinfo/UTC")
	return m
}

func ubuntuWithChrony(*testing.T) *machine {
	m := chrony(clock.Ubuntu(), "/etc/chrony/chrony.conf", "chrony.service")
	m.fake.Put("/etc/localtime", "TZif, a copy\xff")
	return m
}

func chrony(s clock.Section, config, unit string) *machine {
	m := &machine{section: s, service: unit, config: config}
	m.fake = guesttest.New(zones(map[string]string{
		"/usr/sbin/chronyd": "", config: "pool 2.centos.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nmakestep 1.0 3\n",
	}))
	m.fake.On("timedatectl set-timezone *", guest.Result{})
	m.daemon("systemctl restart "+unit, "systemctl is-active --quiet "+unit)
	m.fake.OnOutput("chronyc -c -n tracking", "CB00710F,203.0.113.15,3,1.5,0.25,0,0,0,0,0,0,0,64.2,Normal\n")
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "2001:db8::123"}, Correction: "slew"}
	m.reports = state.TimeActual{Time: m.wants, Source: "203.0.113.15", OffsetSeconds: offset(0.25)}
	return m
}

func openfiler(*testing.T) *machine {
	m := &machine{section: clock.Openfiler()}
	m.fake = guesttest.New(zones(map[string]string{
		"/etc/sysconfig/clock": "ZONE=\"UTC\"\nUTC=true\nARC=false\n",
		"/etc/localtime":       "TZif of UTC",
	}))
	m.wants = state.Time{Zone: "Asia/Kolkata"}
	m.reports = state.TimeActual{Time: m.wants}
	return m
}

// pfsense has a PHP that does what the agent's script for the zone does to it.
func pfsense(*testing.T) *machine {
	m := &machine{section: clock.PFSense()}
	m.fake = guesttest.New(zones(map[string]string{"/var/db/zoneinfo": "UTC\n", "/cf/conf/config.xml": "UTC"}))
	m.fake.OnDo("/usr/local/bin/php", func(c guest.Command) (guest.Result, error) {
		encoded := request.FindSubmatch(c.Stdin)
		if encoded == nil || !bytes.Contains(c.Stdin, []byte("system_timezone_configure()")) {
			return guest.Result{ExitCode: 255, Stderr: []byte("PHP Parse error")}, nil
		}
		raw, err := base64.StdEncoding.DecodeString(string(encoded[1]))
		if err != nil {
			return guest.Result{}, err
		}
		var r struct {
			Set    *string
			Expect string
			Apply  bool
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return guest.Result{}, err
		}
		zone := m.fake.Content("/cf/conf/config.xml")
		if r.Set != nil && zone != r.Expect {
			return guest.Result{Stdout: []byte(`@guestd@ {"code":"busy","message":"it was changed meanwhile"}` + "\n")}, nil
		}
		if r.Set != nil {
			zone = *r.Set
			m.fake.Put("/cf/conf/config.xml", zone)
		}
		if r.Apply {
			m.fake.Put("/var/db/zoneinfo", zone+"\n")
		}
		return guest.Result{Stdout: fmt.Appendf(nil, "Loading...\n@guestd@ {\"zone\":%q}\n", zone)}, nil
	})
	m.wants = state.Time{Zone: "Asia/Kolkata"}
	m.reports = state.TimeActual{Time: m.wants}
	return m
}

var request = regexp.MustCompile(`base64_decode\('([^']*)'\)`)
