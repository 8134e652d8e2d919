package logging

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/region"
	"innkeeper/agent/mechanisms/rsyslog"
	"innkeeper/agent/mechanisms/selector"
	"innkeeper/agent/mechanisms/sysklogd"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
)

// Sysvinit is a system of about 2010 with rsyslog or sysklogd, of which one
// file is the configuration: our lines stand in a marked region at its end.
func Sysvinit() Section { return on(sysvinit{}) }

type sysvinit struct{}

// daemon is the log daemon that a machine has.
type daemon struct {
	// config is its configuration, service the name of its script.
	config, service string
	rsyslog         bool
}

var (
	withRsyslog  = daemon{config: rsyslog.ConfigFile, service: "rsyslog", rsyslog: true}
	withSysklogd = daemon{config: sysklogd.ConfigFile, service: "syslog"}
)

func daemonOf(m guest.Machine) (daemon, error) {
	for _, d := range []daemon{withRsyslog, withSysklogd} {
		_, err := m.Stat(d.config)
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return daemon{}, err
		}
	}
	return daemon{}, unsupported("logging.targets", "there is neither %s nor %s: no log daemon that guestd knows", rsyslog.ConfigFile, sysklogd.ConfigFile)
}

func (sysvinit) Limits(_ context.Context, m guest.Machine, l state.Logging) error {
	if l.Retention != nil {
		return unsupported("logging.retention", "the log files here are rotated by logrotate as the system's vendor has it; bound them in /etc/logrotate.conf")
	}
	if len(l.Targets) == 0 {
		return nil
	}
	d, err := daemonOf(m)
	if err != nil {
		return err
	}
	for i, t := range l.Targets {
		switch {
		case t.Protocol == state.LogTLS:
			return unsupported(path(i, "protocol"), "the log daemon of this system has no TLS; choose tcp or udp")
		case d.rsyslog:
		case t.Protocol != state.LogUDP:
			return unsupported(path(i, "protocol"), "sysklogd sends by udp only")
		case t.PortOrDefault() != sysklogd.Port:
			return unsupported(path(i, "port"), "sysklogd sends to port %d only", sysklogd.Port)
		case strings.Contains(t.Host, ":"):
			return unsupported(path(i, "host"), "sysklogd takes no IPv6 address; give the name of the machine")
		case t.FormatOrDefault() != state.LogRFC3164:
			return unsupported(path(i, "format"), "sysklogd sends the format %s only; choose it", state.LogRFC3164)
		}
	}
	if l.BufferMiB > 0 && !d.rsyslog {
		return unsupported("logging.buffer_mib", "sysklogd keeps nothing for a target that is away")
	}
	return nil
}

func (sysvinit) Places(m guest.Machine) []places.Place[state.Logging] {
	d, err := daemonOf(m)
	if err != nil {
		return nil // limits has refused whatever needs one
	}
	return []places.Place[state.Logging]{
		&places.File[state.Logging]{
			Path: d.config, Summary: "have " + d.service + " send the chosen records", Command: d.restart().String(),
			Text: func(l state.Logging, is places.Value) places.Value {
				set := region.Set(places.Text(is), withName(m, d.render(l, places.Text(is))))
				if set == places.Text(is) {
					return is
				}
				return &set
			},
		},
		places.Service[state.Logging]{
			Needed: sends,
			Name:   d.service, Start: d.restart().String(),
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/sbin/service", Args: []string{d.service, "status"}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// spool is where rsyslog's files lie on Red Hat's systems.
const spool = "/var/lib/rsyslog"

// render is the region's lines. What waits on disk needs a folder, which the
// configuration of the vendor may or may not name.
func (d daemon) render(l state.Logging, config string) string {
	if len(l.Targets) == 0 {
		return ""
	}
	if d.rsyslog {
		lines := rsyslog.RenderLegacy(rsyslogTargets(l, ""))
		if l.BufferMiB > 0 && !strings.Contains(strings.Replace(config, region.Get(config), "", 1), "$WorkDirectory") {
			lines = "$WorkDirectory " + spool + "\n" + lines
		}
		return lines
	}
	var targets []sysklogd.Target
	for _, t := range l.Targets {
		targets = append(targets, sysklogd.Target{Host: t.Host, Selector: selector.Format(t.Facilities, t.SeverityOrDefault())})
	}
	return sysklogd.Render(targets)
}

func (d daemon) restart() guest.Command {
	return guest.Command{Path: "/sbin/service", Args: []string{d.service, "restart"}, Deadline: time.Minute}
}

// Check asks rsyslogd; sysklogd has no check.
func (sysvinit) Check(ctx context.Context, m guest.Machine, want map[string]places.Value) error {
	config, ok := want[rsyslog.ConfigFile]
	if !ok || region.Get(places.Text(config)) == "" {
		return nil
	}
	if strings.Contains(region.Get(*config), "$WorkDirectory "+spool) {
		if err := m.MkdirAll(spool, 0o700); err != nil {
			return err
		}
	}
	return rsyslog.Check(ctx, m, *config)
}

func (sysvinit) Settle(ctx context.Context, m guest.Machine, _ []string) error {
	d, err := daemonOf(m)
	if err != nil {
		return err
	}
	r, err := m.Run(ctx, d.restart())
	if err != nil {
		return fmt.Errorf("restart %s: %w", d.service, err)
	}
	return guest.Check(d.restart(), r)
}

func (sysvinit) Actual(_ context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	if config, ok := is[rsyslog.ConfigFile]; ok {
		return fromRsyslog(m, rsyslog.ParseLegacy(region.Get(places.Text(config)))), nil
	}
	var l state.Logging
	for _, t := range sysklogd.Parse(region.Get(places.Text(is[sysklogd.ConfigFile]))) {
		facilities, severity, _ := selector.Parse(t.Selector)
		l.Targets = append(l.Targets, state.LogTarget{
			Host: t.Host, Port: sysklogd.Port, Protocol: state.LogUDP, Format: state.LogRFC3164, Facilities: facilities, Severity: severity,
		})
	}
	return l, nil
}
