package logging

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/journald"
	"innkeeper/agent/mechanisms/rsyslog"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// Systemd is a system with systemd's journal, from which rsyslog sends.
func Systemd() Section { return Section{backend: systemd{}, peers: askPeers} }

type systemd struct{}

var rsyslogAuthorities = authorities{rsyslog.DropInDir}

const (
	restartRsyslog  = "systemctl restart rsyslog.service"
	restartJournald = "systemctl restart systemd-journald.service"
)

func (systemd) limits(ctx context.Context, m guest.Machine, l state.Logging) error {
	if len(l.Targets) == 0 {
		return nil
	}
	if _, err := m.Stat(rsyslog.Program); errors.Is(err, fs.ErrNotExist) {
		return unsupported("logging.targets", "rsyslog is not installed, and systemd's journal sends to no other machine; install the package rsyslog")
	}
	config, err := m.ReadFile(rsyslog.ConfigFile)
	if err != nil {
		return err
	}
	if !rsyslog.ReadsDropIns(string(config)) {
		return unsupported("logging.targets", "%s does not read %s/*.conf; give it the line: include(file=\"%s/*.conf\" mode=\"optional\")", rsyslog.ConfigFile, rsyslog.DropInDir, rsyslog.DropInDir)
	}
	i := slices.IndexFunc(l.Targets, func(t state.LogTarget) bool { return t.Protocol == state.LogTLS })
	if i < 0 {
		return nil
	}
	if rsyslog.TLSDriver(m) == "" {
		return unsupported(path(i, "protocol"), "this rsyslog has no TLS; install the package rsyslog-gnutls")
	}
	ok, version, err := rsyslog.CAPerTarget(ctx, m)
	if err == nil && !ok {
		err = unsupported(path(i, "ca"), "rsyslog %s has one authority for all that it does; targets with their own came with 8.2108", version)
	}
	return err
}

func (systemd) places(m guest.Machine) []place {
	return []place{
		rsyslogAuthorities,
		&file{
			path: rsyslog.DropIn, summary: "have rsyslog send the chosen records", command: restartRsyslog,
			text: func(l state.Logging, _ value) value {
				return some(withName(m, rsyslog.Render(rsyslogTargets(l, rsyslog.TLSDriver(m)))))
			},
		},
		&file{
			path: journald.DropIn, summary: "bound what the journal keeps", command: restartJournald,
			text: func(l state.Logging, _ value) value {
				if l.Retention == nil {
					return nil
				}
				return some(journald.Render(journald.Limits{Days: l.Retention.Days, MiB: l.Retention.MiB}))
			},
		},
		service{
			name: "rsyslog",
			runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "systemctl", Args: []string{"is-active", "--quiet", "rsyslog.service"}})
				return r.ExitCode == 0, err
			},
			start: restartRsyslog,
		},
	}
}

func (systemd) check(ctx context.Context, m guest.Machine, want map[string]value) error {
	dropIn := want[rsyslog.DropIn]
	if dropIn == nil {
		return nil
	}
	config, err := m.ReadFile(rsyslog.ConfigFile)
	if err != nil {
		return err
	}
	whole, err := rsyslog.WithDropIn(m, string(config), *dropIn)
	if err != nil {
		return err
	}
	return rsyslog.Check(ctx, m, whole)
}

func (systemd) settle(ctx context.Context, m guest.Machine, changed []string) error {
	var failed error
	if slices.Contains(changed, journald.DropIn) {
		failed = journald.Restart(ctx, m)
	}
	if !slices.ContainsFunc(changed, func(key string) bool { return key != journald.DropIn }) {
		return failed
	}
	c := guest.Command{Path: "systemctl", Args: []string{"restart", "rsyslog.service"}, Deadline: time.Minute}
	r, err := m.Run(ctx, c)
	if err == nil {
		err = guest.Check(c, r)
	}
	return errors.Join(failed, err)
}

func (systemd) actual(m guest.Machine, is map[string]value) state.Logging {
	l := fromRsyslog(m, rsyslog.Parse(text(is[rsyslog.DropIn])))
	if limits := journald.Parse(text(is[journald.DropIn])); limits != (journald.Limits{}) {
		l.Retention = &state.LogRetention{Days: limits.Days, MiB: limits.MiB}
	}
	return l
}

// service is a log daemon that has to run if there are targets.
type service struct {
	name  string
	runs  func(ctx context.Context, m guest.Machine) (bool, error)
	start string
}

const running = "running"

func (s service) key() string { return "service " + s.name }

func (s service) read(ctx context.Context, m guest.Machine) (value, error) {
	runs, err := s.runs(ctx, m)
	if err != nil || !runs {
		return nil, err
	}
	return some(running), nil
}

func (s service) want(l state.Logging, is value) value {
	if len(l.Targets) == 0 {
		return is
	}
	return some(running)
}

// set leaves it to settle, which starts the service in any case. One that did
// not run before a change is left running: stopping it would lose records.
func (service) set(context.Context, guest.Machine, value, value, bool) error { return nil }

func (s service) tell(_, _ value) section.Change {
	return section.Change{Summary: "start " + s.name, Command: s.start}
}
