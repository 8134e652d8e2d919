package logging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// FreeNAS keeps where the log goes in the configuration of TrueNAS CORE, whose
// middleware renders syslog-ng.conf. Socket is where the middleware listens.
func FreeNAS(socket string) Section { return on(freenas{socket}) }

type freenas struct{ socket string }

// Limits are those of system.advanced.update (plugins/system.py of 13.0) and of
// what is rendered from it (etc_files/syslogd.py): syslog-ng's udp() and tcp()
// write as RFC 3164 says.
func (freenas) Limits(_ context.Context, _ guest.Machine, l state.Logging) error {
	if l.Retention != nil {
		return unsupported("logging.retention", "TrueNAS bounds its log files by itself and has no setting for it")
	}
	if l.BufferMiB > 0 {
		return unsupported("logging.buffer_mib", "TrueNAS' syslog-ng keeps nothing on disk for a target that is away")
	}
	if len(l.Targets) > 1 {
		return unsupported("logging.targets[1]", "TrueNAS sends to one target")
	}
	for i, t := range l.Targets {
		switch {
		case t.Protocol == state.LogTLS:
			return unsupported(path(i, "protocol"), "TrueNAS takes authorities from its own store only, which guestd does not fill; choose udp or tcp")
		case len(t.Facilities) > 0:
			return unsupported(path(i, "facilities"), "TrueNAS selects by severity only; choose all facilities")
		case t.FormatOrDefault() != state.LogRFC3164:
			return unsupported(path(i, "format"), "TrueNAS sends by %s in rfc3164 only", t.Protocol)
		}
		if ip, err := netip.ParseAddr(t.Host); err == nil && ip.Is6() {
			return unsupported(path(i, "host"), "TrueNAS takes no IPv6 address here; give a name")
		}
	}
	return nil
}

func (f freenas) Places(guest.Machine) []places.Place[state.Logging] {
	return []places.Place[state.Logging]{
		advanced(f),
		places.Service[state.Logging]{
			Needed: sends,
			Name:   "syslog-ng", Start: "service.restart syslogd",
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/usr/sbin/service", Args: []string{"syslog-ng", "status"}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// Check has nothing to ask: the middleware judges what it is given.
func (freenas) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle has syslog-ng started anew even where the update of the settings did
// it: a change that was cut short may have left it with what was before.
func (f freenas) Settle(ctx context.Context, _ guest.Machine, _ []string) error {
	c, err := middleware.Connect(ctx, f.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	runs, err := c.RestartSyslog(ctx)
	if err == nil && !runs {
		err = errors.New("syslog-ng does not start, see: service syslog-ng restart")
	}
	return err
}

func (f freenas) Actual(_ context.Context, _ guest.Machine, is map[string]places.Value) (any, error) {
	var l state.Logging
	if t, ok := advancedTarget(parseAdvanced(is[advanced(f).Key()])); ok {
		l.Targets = append(l.Targets, t)
	}
	return l, nil
}

// advancedTarget is the target of the settings, if they have one.
func advancedTarget(s middleware.Syslog) (state.LogTarget, bool) {
	if s.Server == "" {
		return state.LogTarget{}, false
	}
	t := state.LogTarget{Host: s.Server, Port: 514, Protocol: strings.ToLower(s.Transport), Format: state.LogRFC3164}
	if host, port, err := net.SplitHostPort(s.Server); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			t.Host, t.Port = host, uint32(n)
		}
	}
	if level := strings.ToLower(strings.TrimPrefix(s.Level, levelPrefix)); slices.Contains(state.LogSeverities[:], level) {
		t.Severity = level
	}
	if t.Protocol == state.LogTLS {
		t.Format = state.LogRFC5424
	}
	return t, true
}

// levelPrefix stands before a severity in the name of syslog-ng's filter.
const levelPrefix = "F_"

// advanced are the settings of system.advanced that say where records go.
type advanced struct{ socket string }

func (advanced) Key() string { return "system.advanced" }

func (a advanced) Read(ctx context.Context, _ guest.Machine) (places.Value, error) {
	c, err := middleware.Connect(ctx, a.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := c.SyslogConfig(ctx)
	if err != nil {
		return nil, err
	}
	return encodeAdvanced(s)
}

func (advanced) Want(l state.Logging, is places.Value) places.Value {
	s := parseAdvanced(is)
	if len(l.Targets) == 0 {
		s.Server = ""
	} else {
		t := l.Targets[0]
		t.Port, t.Format, t.Severity = uint32(t.PortOrDefault()), t.FormatOrDefault(), t.SeverityOrDefault()
		if has, ok := advancedTarget(s); ok && sameTarget(has, t) {
			return is
		}
		s = middleware.Syslog{
			Server:    net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))),
			Level:     levelPrefix + strings.ToUpper(t.Severity),
			Transport: strings.ToUpper(t.Protocol),
		}
	}
	v, err := encodeAdvanced(s)
	if err != nil { // texts always can be
		panic(err)
	}
	return v
}

// sameTarget compares what TrueNAS knows of a target.
func sameTarget(a, b state.LogTarget) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Protocol == b.Protocol && a.Severity == b.Severity
}

func (a advanced) Set(ctx context.Context, _ guest.Machine, _, to places.Value, _ bool) error {
	c, err := middleware.Connect(ctx, a.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.SetSyslog(ctx, parseAdvanced(to))
	var refused *middleware.CallError
	if errors.As(err, &refused) {
		for _, f := range refused.Fields {
			if f.Name() == "syslogserver" {
				return section.Errorf(section.Invalid, path(0, "host"), "TrueNAS refuses it: %s", f.Message)
			}
		}
	}
	return err
}

func (advanced) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: fmt.Sprintf("have TrueNAS log to %s instead of %s", inWords(want), inWords(is)),
		Command: "system.advanced.update " + places.Text(want),
	}
}

func inWords(v places.Value) string {
	s := parseAdvanced(v)
	if s.Server == "" {
		return "no other machine"
	}
	return fmt.Sprintf("%s by %s from %s", s.Server, strings.ToLower(s.Transport), strings.ToLower(strings.TrimPrefix(s.Level, levelPrefix)))
}

func parseAdvanced(v places.Value) middleware.Syslog {
	var s middleware.Syslog
	if json.Unmarshal([]byte(places.Text(v)), &s) != nil {
		return middleware.Syslog{}
	}
	return s
}

func encodeAdvanced(s middleware.Syslog) (places.Value, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return places.Some(string(b)), nil
}
