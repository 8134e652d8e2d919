package logging_test

import (
	"fmt"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware/middlewaretest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/logging"
)

var syslogKeys = []string{"syslogserver", "sysloglevel", "syslog_transport"}

func freenasWith(t *testing.T, before map[string]any) (*machine, *middlewaretest.Server) {
	s := middlewaretest.Start(t)
	for key, v := range before {
		s.SetAdvanced(key, v)
	}
	m := newMachine(logging.FreeNAS(s.Socket), nil)
	settings := func() string {
		text := ""
		for _, key := range syslogKeys {
			text += fmt.Sprintf("%s %v\n", key, s.Advanced(key))
		}
		return text
	}
	m.settings = settings
	s.Syslog = func() {
		m.live["syslog-ng"] = settings()
		delete(m.stopped, "syslog-ng")
	}
	s.Before = func(string) error { return m.dying.Load().Call(func() error { return nil }) }
	m.fake.OnDo("/usr/sbin/service syslog-ng status", func(guest.Command) (guest.Result, error) {
		if m.stopped["syslog-ng"] {
			return guest.Result{ExitCode: 1}, nil
		}
		return guest.Result{}, nil
	})
	m.wants = state.Logging{Targets: []state.LogTarget{
		{Host: "log.example", Protocol: "tcp", Format: "rfc3164", Severity: "warning"},
	}}
	return m, s
}

func freenas(t *testing.T) *machine {
	m, _ := freenasWith(t, nil)
	return m
}

// A target that an administrator gave in other words stays as it is.
func TestTheSameTargetInOtherWordsIsNoChange(t *testing.T) {
	m, s := freenasWith(t, map[string]any{"syslogserver": "log.example", "sysloglevel": "F_DEBUG", "syslog_transport": "UDP"})
	p := plan(t, m, state.Logging{Targets: []state.LogTarget{{Host: "log.example", Protocol: "udp", Format: "rfc3164"}}})
	if len(p.Changes) > 0 {
		t.Errorf("got %+v", p.Changes)
	}
	p = plan(t, m, m.wants)
	if len(p.Changes) != 1 || p.Changes[0].Summary != "have TrueNAS log to log.example:601 by tcp from warning instead of log.example by udp from debug" {
		t.Errorf("got %+v", p.Changes)
	}
	apply(t, m, m.wants, p)
	if got := s.Advanced("syslogserver"); got != "log.example:601" {
		t.Errorf("the server is %v", got)
	}
	if err := m.section.Restore(t.Context(), m.fake, p.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if got := m.live["syslog-ng"]; got != "syslogserver log.example\nsysloglevel F_DEBUG\nsyslog_transport UDP\n" {
		t.Errorf("syslog-ng has read %s", got)
	}
}
