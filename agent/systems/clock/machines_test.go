package clock_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/ntpcontrol"
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
	// settings are what is not in files, nil for a system without.
	settings func() string
	// dying, if set, is asked before what does not go through guest.Machine.
	dying atomic.Pointer[guesttest.Dying]
	// setZone sets the zone as by hand, nil for a link at /etc/localtime.
	setZone func(zone string)
	// handSays is what the plan says first of a zone set by hand.
	handSays string
	// alike is the zone then reported, if it is not the same.
	alike string
	// always says that the system starts the daemon with a new zone, too.
	always bool
}

// show is all that the section may touch, and what the daemon has read.
func (m *machine) show() string {
	var b strings.Builder
	for _, name := range m.fake.Names() {
		target, _ := m.fake.Readlink(name)
		fmt.Fprintf(&b, "%s -> %s:\n%s", name, target, m.fake.Content(name))
	}
	if m.settings != nil {
		b.WriteString(m.settings())
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
	m := &machine{service: "ntpd", config: "/etc/ntp.conf"}
	m.section = clock.Asking(clock.Openfiler(), ntpcontrol.Status{Source: "192.0.2.1", OffsetSeconds: 0.5})
	m.fake = guesttest.New(zones(map[string]string{
		"/usr/sbin/ntpd":        "",
		"/etc/ntp.conf":         "restrict default nomodify\nserver 0.rpath.pool.ntp.org\n",
		"/etc/ntp/step-tickers": "0.rpath.pool.ntp.org\n",
		"/etc/sysconfig/clock":  "ZONE=\"UTC\"\nUTC=true\nARC=false\n",
		"/etc/localtime":        "TZif of UTC",
	}))
	m.daemon("/sbin/service ntpd restart", "/sbin/service ntpd status")
	const enabled = "/etc/rc.d/rc3.d/S58ntpd"
	m.fake.OnDo("/sbin/chkconfig --level 3 ntpd", func(guest.Command) (guest.Result, error) {
		if _, err := m.fake.Stat(enabled); err != nil {
			return guest.Result{ExitCode: 1}, nil
		}
		return guest.Result{}, nil
	})
	m.fake.OnDo("/sbin/chkconfig ntpd *", func(c guest.Command) (guest.Result, error) {
		if c.Args[1] == "on" {
			m.fake.Put(enabled, "")
			return guest.Result{}, nil
		}
		return guest.Result{}, m.fake.Remove(enabled)
	})
	m.setZone = func(zone string) {
		m.fake.Put("/etc/localtime", "TZif of "+zone)
		m.fake.Put("/etc/sysconfig/clock", "ZONE=\""+zone+"\"\nUTC=true\nARC=false\n")
	}
	m.handSays = "name the zone for Openfiler's own tools"
	m.wants = state.Time{Zone: "Asia/Kolkata", Servers: []string{"ntp.example", "2001:db8::123"}, Correction: "step"}
	m.reports = state.TimeActual{Time: m.wants, Source: "192.0.2.1", OffsetSeconds: offset(0.5)}
	return m
}
