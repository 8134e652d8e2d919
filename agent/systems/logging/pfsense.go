package logging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// PFSense keeps where the log goes in pfSense's config.xml, written and
// applied by pfSense's own functions. Its syslogd is FreeBSD's: by udp only.
func PFSense() Section { return on(pfsense{}) }

type pfsense struct{}

func (pfsense) Limits(_ context.Context, _ guest.Machine, l state.Logging) error {
	if l.Retention != nil {
		return unsupported("logging.retention", "pfSense keeps a file of bounded size for each service; bound them in Status > System Logs > Settings")
	}
	if l.BufferMiB > 0 {
		return unsupported("logging.buffer_mib", "pfSense's syslogd keeps nothing for a target that is away")
	}
	for i, t := range l.Targets {
		switch {
		case i >= len(pfsenseconfig.RemoteServers):
			return unsupported(fmt.Sprintf("logging.targets[%d]", i), "pfSense sends to %d targets at most", len(pfsenseconfig.RemoteServers))
		case t.Protocol != state.LogUDP:
			return unsupported(path(i, "protocol"), "pfSense's syslogd sends by udp only")
		case len(t.Facilities) > 0:
			return unsupported(path(i, "facilities"), "pfSense selects by service, not by facility; choose all")
		case t.SeverityOrDefault() != state.LogSeverities[len(state.LogSeverities)-1]:
			return unsupported(path(i, "severity"), "pfSense sends records of every severity; choose debug")
		case t.FormatOrDefault() != l.Targets[0].FormatOrDefault():
			return unsupported(path(i, "format"), "pfSense sends in one format to all targets")
		}
	}
	return nil
}

// syslogPID has the process that pfSense started (pfSense's syslog.inc).
const syslogPID = "/var/run/syslog.pid"

func (pfsense) Places(guest.Machine) []places.Place[state.Logging] {
	return []places.Place[state.Logging]{
		syslogXML{},
		places.Service[state.Logging]{
			Needed: sends,
			Name:   "syslogd", Start: "system_syslogd_start",
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/bin/pgrep", Args: []string{"-F", syslogPID}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// Check has nothing to ask: syslogd has no test of its configuration.
func (pfsense) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

func (pfsense) Settle(ctx context.Context, m guest.Machine, _ []string) error {
	return refusal(pfsenseconfig.ApplySyslog(ctx, m))
}

func (pfsense) Actual(_ context.Context, _ guest.Machine, is map[string]places.Value) (any, error) {
	s := parseSyslog(is[syslogXML{}.Key()])
	var l state.Logging
	if _, enabled := s["enable"]; !enabled {
		return l, nil
	}
	if _, all := s["logall"]; !all {
		return l, nil
	}
	for _, key := range pfsenseconfig.RemoteServers {
		if s[key] == "" {
			continue
		}
		t := state.LogTarget{Host: s[key], Protocol: state.LogUDP, Format: state.LogRFC3164}
		if host, port, err := net.SplitHostPort(s[key]); err == nil {
			if n, err := strconv.ParseUint(port, 10, 16); err == nil {
				t.Host, t.Port = host, uint32(n)
			}
		}
		if s["format"] != "" {
			t.Format = s["format"]
		}
		l.Targets = append(l.Targets, t)
	}
	return l, nil
}

// syslogXML is what of <syslog> in config.xml says where records go.
type syslogXML struct{}

func (syslogXML) Key() string { return "config.xml" }

func (syslogXML) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	s, err := pfsenseconfig.ReadSyslog(ctx, m)
	if err != nil {
		return nil, refusal(err)
	}
	return encodeSyslog(s)
}

// Want is pfSense's page with "Everything" chosen; without targets it is the
// page unchecked, which takes the servers out as well.
func (syslogXML) Want(l state.Logging, is places.Value) places.Value {
	before := parseSyslog(is)
	if _, enabled := before["enable"]; len(l.Targets) == 0 && !enabled {
		return is
	}
	s := pfsenseconfig.Syslog{}
	if format, ok := before["format"]; ok {
		s["format"] = format
	}
	for i, t := range l.Targets {
		s["enable"], s["logall"], s["format"] = "", "", t.FormatOrDefault()
		s[pfsenseconfig.RemoteServers[i]] = net.JoinHostPort(t.Host, strconv.Itoa(int(t.PortOrDefault())))
	}
	if maps.Equal(s, before) {
		return is
	}
	v, err := encodeSyslog(s)
	if err != nil { // texts always can be
		panic(err)
	}
	return v
}

func (syslogXML) Set(ctx context.Context, m guest.Machine, from, to places.Value, _ bool) error {
	return refusal(pfsenseconfig.SetSyslog(ctx, m, parseSyslog(to), parseSyslog(from)))
}

func (syslogXML) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: fmt.Sprintf("have pfSense log to %s instead of %s", servers(want), servers(is)),
		Path:    "/cf/conf/config.xml", Command: "write_config, system_syslogd_start",
	}
}

// servers are the targets in words.
func servers(v places.Value) string {
	s := parseSyslog(v)
	if _, enabled := s["enable"]; !enabled {
		return "no other machine"
	}
	var list string
	for _, key := range pfsenseconfig.RemoteServers {
		if s[key] != "" && list != "" {
			list += ", "
		}
		list += s[key]
	}
	if list == "" {
		return "no other machine"
	}
	return list
}

func parseSyslog(v places.Value) pfsenseconfig.Syslog {
	var s pfsenseconfig.Syslog
	if json.Unmarshal([]byte(places.Text(v)), &s) != nil {
		return nil
	}
	return s
}

// encodeSyslog is the same text for the same settings: JSON's keys are sorted.
func encodeSyslog(s pfsenseconfig.Syslog) (places.Value, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return places.Some(string(b)), nil
}

// refusal says in the section's terms what pfSense does not let through.
func refusal(err error) error {
	var r *pfsenseconfig.Refusal
	if errors.As(err, &r) && r.Code == "busy" {
		return section.Errorf(section.Busy, "logging", "%s", r.Message)
	}
	return err
}
