package logging_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/logging"
)

// php is pfSense's PHP with what the agent's script for <syslog> does to it.
type php struct {
	m      *machine
	syslog map[string]string
}

var request = regexp.MustCompile(`base64_decode\('([^']*)'\)`)

func (p *php) run(c guest.Command) (guest.Result, error) {
	encoded := request.FindSubmatch(c.Stdin)
	if encoded == nil || !bytes.Contains(c.Stdin, []byte("guestd_syslog()")) {
		return guest.Result{ExitCode: 255, Stderr: []byte("PHP Parse error")}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(string(encoded[1]))
	if err != nil {
		return guest.Result{}, err
	}
	var r struct {
		Set, Expect map[string]string
		Apply       bool
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return guest.Result{}, err
	}
	var answer any = map[string]any{"syslog": p.syslog}
	if r.Set != nil {
		if maps.Equal(r.Expect, p.syslog) {
			p.syslog = r.Set
			p.m.fake.Put("/cf/conf/config.xml", fmt.Sprint(p.syslog))
		} else {
			answer = map[string]string{"code": "busy", "message": "the logging settings were changed meanwhile"}
		}
	}
	if r.Apply {
		p.m.live["syslogd"] = fmt.Sprint(p.syslog)
		delete(p.m.stopped, "syslogd")
	}
	b, err := json.Marshal(answer)
	return guest.Result{Stdout: append([]byte("Loading...\n@guestd@ "), append(b, '\n')...)}, err
}

func pfsenseWith(before map[string]string) (*machine, *php) {
	m := newMachine(logging.PFSense(), map[string]string{"/cf/conf/config.xml": fmt.Sprint(before)})
	p := &php{m: m, syslog: before}
	m.fake.OnDo("/usr/local/bin/php", p.run)
	m.fake.OnDo("/bin/pgrep -F /var/run/syslog.pid", func(guest.Command) (guest.Result, error) {
		if m.stopped["syslogd"] {
			return guest.Result{ExitCode: 1}, nil
		}
		return guest.Result{}, nil
	})
	m.wants = state.Logging{Targets: []state.LogTarget{
		{Host: "192.0.2.60", Protocol: "udp"},
		{Host: "2001:db8::14", Protocol: "udp", Port: 1514},
		{Host: "log.example", Protocol: "udp"},
	}}
	return m, p
}

func pfsense(*testing.T) *machine {
	m, _ := pfsenseWith(map[string]string{})
	return m
}

// What an administrator chose by service gives way to all, and comes back.
func TestPFSenseSelectionsGiveWayAndComeBack(t *testing.T) {
	before := map[string]string{"enable": "", "remoteserver": "203.0.113.1", "vpn": "yes"}
	m, p := pfsenseWith(maps.Clone(before))
	chosen := plan(t, m, m.wants)
	if len(chosen.Changes) != 1 || chosen.Changes[0].Summary != "have pfSense log to 192.0.2.60:514, [2001:db8::14]:1514, log.example:514 instead of 203.0.113.1" {
		t.Errorf("got %+v", chosen.Changes)
	}
	apply(t, m, m.wants, chosen)
	want := map[string]string{
		"enable": "", "logall": "", "format": "rfc5424",
		"remoteserver": "192.0.2.60:514", "remoteserver2": "[2001:db8::14]:1514", "remoteserver3": "log.example:514",
	}
	if !maps.Equal(p.syslog, want) {
		t.Errorf("<syslog> is %v", p.syslog)
	}
	if err := m.section.Restore(t.Context(), m.fake, chosen.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(p.syslog, before) || m.live["syslogd"] != fmt.Sprint(before) {
		t.Errorf("<syslog> is %v, syslogd has read %s", p.syslog, m.live["syslogd"])
	}
}
