package logging

import (
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/rsyslog"
	"innkeeper/agent/mechanisms/selector"
	"innkeeper/agent/state"
)

// withName puts the machine's name before a text for rsyslog, if there is one.
// rsyslogd asks for the name when it starts: a new name is so a change of the
// text, after which it is started anew.
func withName(m guest.Machine, text string) string {
	if text == "" {
		return ""
	}
	host, err := m.ReadFile("/proc/sys/kernel/hostname")
	if err != nil {
		return text
	}
	return "# Records bear the name " + strings.TrimSpace(string(host)) + ".\n" + text
}

// rsyslogTargets says the targets in rsyslog's terms.
func rsyslogTargets(l state.Logging, driver string) []rsyslog.Target {
	var targets []rsyslog.Target
	for _, t := range l.Targets {
		r := rsyslog.Target{
			Host: t.Host, Port: t.PortOrDefault(), Transport: t.Protocol,
			Selector: selector.Format(t.Facilities, t.SeverityOrDefault()),
			RFC3164:  t.FormatOrDefault() == state.LogRFC3164, BufferMiB: l.BufferMiB,
		}
		if t.Protocol == state.LogTLS {
			r.Driver, r.CAFile, r.Peer = driver, rsyslogAuthorities.file(t), t.PeerName()
		}
		targets = append(targets, r)
	}
	return targets
}

// fromRsyslog says rsyslog's targets in the document's terms. A file of
// authorities that cannot be read leaves the CA empty.
func fromRsyslog(m guest.Machine, targets []rsyslog.Target) state.Logging {
	var l state.Logging
	for _, r := range targets {
		t := state.LogTarget{Host: r.Host, Port: uint32(r.Port), Protocol: r.Transport, Format: state.LogRFC5424}
		if r.RFC3164 {
			t.Format = state.LogRFC3164
		}
		if facilities, severity, ok := selector.Parse(r.Selector); ok {
			t.Facilities, t.Severity = facilities, severity
		}
		if r.Transport == rsyslog.TLS {
			if ca, err := m.ReadFile(r.CAFile); err == nil {
				t.CA = string(ca)
			}
			t.Name = r.Peer
		}
		l.BufferMiB = max(l.BufferMiB, r.BufferMiB)
		l.Targets = append(l.Targets, t)
	}
	return l
}
