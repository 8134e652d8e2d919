package logging_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

var machines = map[string]func(*testing.T) *machine{
	"ubuntu":                  ubuntu,
	"openfiler":               openfiler,
	"openfiler with sysklogd": openfilerWithSysklogd,
	"freenas":                 freenas,
	"pfsense":                 pfsense,
}

func plan(t *testing.T, m *machine, desired state.Logging) section.Plan {
	t.Helper()
	return sectiontest.Plan(t, m.section, m.fake, desired)
}

func apply(t *testing.T, m *machine, desired state.Logging, p section.Plan) {
	t.Helper()
	sectiontest.Apply(t, m.section, m.fake, desired, p)
}

func each(t *testing.T, do func(t *testing.T, m *machine)) {
	for name, make := range machines {
		t.Run(name, func(t *testing.T) { do(t, make(t)) })
	}
}

// What was applied is there, is read back as it was chosen, and is not written
// again; choosing nothing afterwards takes all of it away.
func TestPlanApplyPlan(t *testing.T) {
	each(t, func(t *testing.T, m *machine) {
		first := plan(t, m, m.wants)
		if len(first.Changes) == 0 || len(first.Checkpoint) == 0 {
			t.Fatalf("nothing to change: %+v", first)
		}
		if writes := m.fake.Writes(); len(writes) > 0 {
			t.Fatalf("the plan wrote %v", writes)
		}
		apply(t, m, m.wants, first)
		second := plan(t, m, m.wants)
		if len(second.Changes) > 0 || len(second.Checkpoint) > 0 {
			t.Errorf("after it was applied there is left: %+v", second.Changes)
		}
		expectActual(t, second.Actual, m.wants)
		m.fake.Forget()
		apply(t, m, m.wants, second)
		if writes := m.fake.Writes(); len(writes) > 0 {
			t.Errorf("the same again wrote %v", writes)
		}
		none := plan(t, m, state.Logging{})
		apply(t, m, state.Logging{}, none)
		last := plan(t, m, state.Logging{})
		if len(last.Changes) > 0 {
			t.Errorf("after nothing was chosen there is left: %+v", last.Changes)
		}
		expectActual(t, last.Actual, state.Logging{})
	})
}

// expectActual compares what was read with what was chosen, defaults said.
func expectActual(t *testing.T, raw json.RawMessage, want state.Logging) {
	t.Helper()
	var is state.Logging
	if err := json.Unmarshal(raw, &is); err != nil {
		t.Fatal(err)
	}
	if err := is.Validate(); err != nil {
		t.Errorf("what was read is no valid value: %v", err)
	}
	for _, l := range []*state.Logging{&is, &want} {
		l.Targets = append([]state.LogTarget(nil), l.Targets...)
		for i, target := range l.Targets {
			target.Port, target.Format = uint32(target.PortOrDefault()), target.FormatOrDefault()
			target.Severity = target.SeverityOrDefault()
			if target.Protocol == "tls" {
				target.Name = target.PeerName()
			}
			l.Targets[i] = target
		}
	}
	if !reflect.DeepEqual(is, want) {
		t.Errorf("read\n%+v\nwant\n%+v", is, want)
	}
}

func TestRestoreAfterAPowerCutAtEveryCall(t *testing.T) {
	each(t, func(t *testing.T, m *machine) {
		apply(t, m, state.Logging{}, plan(t, m, state.Logging{}))
		subject := sectiontest.Subject{Section: m.section, Machine: m.fake, Show: m.show, Dying: &m.dying}
		subject.RestoresAtEveryCall(t, m.wants, 3)
	})
}

func TestSomeoneElsesChangeIsBusy(t *testing.T) {
	m := ubuntu(t)
	p := plan(t, m, m.wants)
	m.fake.Put("/etc/rsyslog.d/10-guestd.conf", "# mine\n")
	err := m.section.Apply(t.Context(), m.fake, sectiontest.Encode(t, m.wants), p)
	sectiontest.ExpectError(t, err, section.Busy, "logging", "10-guestd.conf was changed")
}

// A log daemon asks for the machine's name when it starts.
func TestANewNameIsTakenUp(t *testing.T) {
	for name, make := range map[string]func(*testing.T) *machine{"ubuntu": ubuntu, "openfiler": openfiler} {
		m := make(t)
		m.fake.Put("/proc/sys/kernel/hostname", "old\n")
		apply(t, m, m.wants, plan(t, m, m.wants))
		m.fake.Put("/proc/sys/kernel/hostname", "new\n")
		p := plan(t, m, m.wants)
		if len(p.Changes) != 1 {
			t.Fatalf("%s: got %+v", name, p.Changes)
		}
		apply(t, m, m.wants, p)
		if read := m.live["rsyslog"]; !strings.Contains(read, "the name new.") {
			t.Errorf("%s: it was not started anew", name)
		}
	}
}

func TestAStoppedDaemonIsStarted(t *testing.T) {
	m := ubuntu(t)
	apply(t, m, m.wants, plan(t, m, m.wants))
	m.stopped["rsyslog"] = true
	p := plan(t, m, m.wants)
	if len(p.Changes) != 1 || p.Changes[0].Summary != "start rsyslog" {
		t.Fatalf("got %+v", p.Changes)
	}
	apply(t, m, m.wants, p)
	if m.stopped["rsyslog"] {
		t.Error("it was not started")
	}
}

// What rsyslogd refuses is not put in place.
func TestARefusedConfigurationIsNotPutInPlace(t *testing.T) {
	m := ubuntu(t)
	m.fake.On("/usr/sbin/rsyslogd -N1 *", guest.Result{ExitCode: 1, Stderr: []byte("rsyslogd: error during parsing file x, on or before line 3: no\n")})
	p := plan(t, m, m.wants)
	was := m.show()
	err := m.section.Apply(t.Context(), m.fake, sectiontest.Encode(t, m.wants), p)
	if err == nil || !strings.Contains(err.Error(), "error during parsing file x") {
		t.Fatalf("got %v", err)
	}
	if is := m.show(); is != was {
		t.Errorf("it changed\n%s\nto\n%s", was, is)
	}
}

func TestWhatAMachineCannotDoIsSaidBefore(t *testing.T) {
	target := func(change func(*state.LogTarget)) state.Logging {
		l := state.LogTarget{Host: "log.example", Protocol: "udp"}
		change(&l)
		return state.Logging{Targets: []state.LogTarget{l}}
	}
	tls := target(func(l *state.LogTarget) { l.Protocol, l.CA = "tls", authority(t) })
	remove := func(names ...string) func(*machine) {
		return func(m *machine) {
			for _, name := range names {
				if err := m.fake.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for what, c := range map[string]struct {
		machine func(*testing.T) *machine
		change  func(*machine)
		wants   state.Logging
		path    string
		says    string
	}{
		"no rsyslog": {ubuntu, remove("/usr/sbin/rsyslogd"), target(func(*state.LogTarget) {}), "logging.targets", "install the package rsyslog"},
		"no TLS":     {ubuntu, remove("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"), tls, "logging.targets[0].protocol", "rsyslog-gnutls"},
		"old rsyslog": {ubuntu, func(m *machine) {
			m.fake.OnOutput("/usr/sbin/rsyslogd -v", "rsyslogd 8.24.0-57.el7_9.3, compiled with:\n")
		}, tls, "logging.targets[0].ca", "rsyslog 8.24 has one"},
		"no drop-ins":          {ubuntu, func(m *machine) { m.fake.Put("/etc/rsyslog.conf", "*.* /x\n") }, tls, "logging.targets", "does not read /etc/rsyslog.d/*.conf"},
		"retention, logrotate": {openfiler, nil, state.Logging{Retention: &state.LogRetention{Days: 1}}, "logging.retention", "logrotate"},
		"tls, openfiler":       {openfiler, nil, tls, "logging.targets[0].protocol", "no TLS"},
		"no daemon":            {openfiler, remove("/etc/rsyslog.conf"), target(func(*state.LogTarget) {}), "logging.targets", "no log daemon"},
		"tcp, sysklogd": {
			openfilerWithSysklogd, nil, target(func(l *state.LogTarget) { l.Protocol = "tcp" }), "logging.targets[0].protocol", "udp only",
		},
		"port, sysklogd": {
			openfilerWithSysklogd, nil, target(func(l *state.LogTarget) { l.Port = 1514 }), "logging.targets[0].port", "514 only",
		},
		"IPv6, sysklogd": {
			openfilerWithSysklogd, nil, target(func(l *state.LogTarget) { l.Host = "2001:db8::1" }), "logging.targets[0].host", "no IPv6",
		},
		"format, sysklogd": {
			openfilerWithSysklogd, nil, target(func(*state.LogTarget) {}), "logging.targets[0].format", "rfc3164 only",
		},
		"fourth target, pfsense": {pfsense, nil, state.Logging{Targets: []state.LogTarget{
			{Host: "a", Protocol: "udp"}, {Host: "b", Protocol: "udp"}, {Host: "c", Protocol: "udp"}, {Host: "d", Protocol: "udp"},
		}}, "logging.targets[3]", "3 targets at most"},
		"two formats, pfsense": {pfsense, nil, state.Logging{Targets: []state.LogTarget{
			{Host: "a", Protocol: "udp"}, {Host: "b", Protocol: "udp", Format: "rfc3164"},
		}}, "logging.targets[1].format", "one format"},
		"tcp, pfsense":        {pfsense, nil, target(func(l *state.LogTarget) { l.Protocol = "tcp" }), "logging.targets[0].protocol", "udp only"},
		"facilities, pfsense": {pfsense, nil, target(func(l *state.LogTarget) { l.Facilities = []string{"kern"} }), "logging.targets[0].facilities", "by service"},
		"severity, pfsense":   {pfsense, nil, target(func(l *state.LogTarget) { l.Severity = "err" }), "logging.targets[0].severity", "every severity"},
		"retention, pfsense":  {pfsense, nil, state.Logging{Retention: &state.LogRetention{Days: 1}}, "logging.retention", "System Logs > Settings"},
		"buffer, pfsense":     {pfsense, nil, state.Logging{BufferMiB: 1}, "logging.buffer_mib", "keeps nothing"},
		"two targets, freenas": {freenas, nil, state.Logging{Targets: []state.LogTarget{
			{Host: "a", Protocol: "udp", Format: "rfc3164"}, {Host: "b", Protocol: "udp", Format: "rfc3164"},
		}}, "logging.targets[1]", "one target"},
		"tls, freenas":    {freenas, nil, tls, "logging.targets[0].protocol", "its own store"},
		"format, freenas": {freenas, nil, target(func(*state.LogTarget) {}), "logging.targets[0].format", "rfc3164 only"},
		"IPv6, freenas": {
			freenas, nil, target(func(l *state.LogTarget) { l.Host, l.Format = "2001:db8::1", "rfc3164" }), "logging.targets[0].host", "no IPv6",
		},
		"facilities, freenas": {freenas, nil, target(func(l *state.LogTarget) { l.Facilities = []string{"kern"} }), "logging.targets[0].facilities", "by severity"},
		"retention, freenas":  {freenas, nil, state.Logging{Retention: &state.LogRetention{Days: 1}}, "logging.retention", "by itself"},
		"buffer, freenas":     {freenas, nil, state.Logging{BufferMiB: 1}, "logging.buffer_mib", "nothing on disk"},
		"buffer, sysklogd": {openfilerWithSysklogd, nil, state.Logging{
			Targets: []state.LogTarget{{Host: "a", Protocol: "udp", Format: "rfc3164"}}, BufferMiB: 1,
		}, "logging.buffer_mib", "keeps nothing"},
	} {
		t.Run(what, func(t *testing.T) {
			m := c.machine(t)
			if c.change != nil {
				c.change(m)
			}
			_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, c.wants))
			sectiontest.ExpectError(t, err, section.Unsupported, c.path, c.says)
		})
	}
}
