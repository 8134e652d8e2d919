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
	"innkeeper/agent/systems/places"
)

// Systemd is a system with systemd's journal, from which rsyslog sends.
func Systemd() Section { return on(systemd{}) }

type systemd struct{}

var rsyslogAuthorities = authorities{rsyslog.DropInDir}

const (
	restartRsyslog  = "systemctl restart rsyslog.service"
	restartJournald = "systemctl restart systemd-journald.service"
)

func (systemd) Limits(ctx context.Context, m guest.Machine, l state.Logging) error {
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

func (systemd) Places(m guest.Machine) []places.Place[state.Logging] {
	return []places.Place[state.Logging]{
		rsyslogAuthorities,
		&places.File[state.Logging]{
			Path: rsyslog.DropIn, Summary: "have rsyslog send the chosen records", Command: restartRsyslog,
			Text: func(l state.Logging, _ places.Value) places.Value {
				return places.Some(withName(m, rsyslog.Render(rsyslogTargets(l, rsyslog.TLSDriver(m)))))
			},
		},
		&places.File[state.Logging]{
			Path: journald.DropIn, Summary: "bound what the journal keeps", Command: restartJournald,
			Text: func(l state.Logging, _ places.Value) places.Value {
				if l.Retention == nil {
					return nil
				}
				return places.Some(journald.Render(journald.Limits{Days: l.Retention.Days, MiB: l.Retention.MiB}))
			},
		},
		places.Service[state.Logging]{
			Needed: sends,
			Name:   "rsyslog",
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "systemctl", Args: []string{"is-active", "--quiet", "rsyslog.service"}})
				return r.ExitCode == 0, err
			},
			Start: restartRsyslog,
		},
	}
}

func (systemd) Check(ctx context.Context, m guest.Machine, want map[string]places.Value) error {
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

func (systemd) Settle(ctx context.Context, m guest.Machine, changed []string) error {
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

func (systemd) Actual(_ context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	l := fromRsyslog(m, rsyslog.Parse(places.Text(is[rsyslog.DropIn])))
	if limits := journald.Parse(places.Text(is[journald.DropIn])); limits != (journald.Limits{}) {
		l.Retention = &state.LogRetention{Days: limits.Days, MiB: limits.MiB}
	}
	return l, nil
}
