package clock

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/chrony"
	"innkeeper/agent/mechanisms/timesyncd"
	"innkeeper/agent/mechanisms/zoneinfo"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
)

// Ubuntu has systemd-timesyncd, or chrony where its owner or a release since
// 25.10 installed that. The packages exclude each other.
func Ubuntu() Section {
	return on(systemd{daemons: []daemon{chronyd("/etc/chrony/chrony.conf", "chrony.service"), timesync}})
}

// CentOS has chrony.
func CentOS() Section {
	return on(systemd{daemons: []daemon{chronyd("/etc/chrony.conf", "chronyd.service")}})
}

// systemd is a system with systemd's timedated and one of several NTP daemons.
type systemd struct{ daemons []daemon }

// daemon is an NTP daemon that a system can have.
type daemon struct {
	// program is there if it is installed.
	program string
	// unit is its service, config the file with our settings.
	unit, config string
	// text is what the file should be.
	text func(t state.Time, is places.Value) places.Value
	// settings are those in the file.
	settings func(text string) state.Time
	// status is what the running daemon tells; its own words for who and how far.
	status func(ctx context.Context, m guest.Machine, into *state.TimeActual)
	// limits says what it cannot do.
	limits func(t state.Time) error
}

// daemonOf is the daemon that a machine has, nil if none.
func (s systemd) daemonOf(m guest.Machine) (*daemon, error) {
	for i, d := range s.daemons {
		_, err := m.Stat(d.program)
		if err == nil {
			return &s.daemons[i], nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

func (s systemd) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if err := knowsZone(m, t); err != nil || !follows(t) {
		return err
	}
	d, err := s.daemonOf(m)
	switch {
	case err != nil:
		return err
	case d == nil:
		return unsupported("time.servers", "there is no NTP daemon that guestd knows; install the package chrony")
	}
	return d.limits(t)
}

func (s systemd) Places(m guest.Machine) []places.Place[state.Time] {
	list := []places.Place[state.Time]{
		&places.File[state.Time]{
			Path: zoneinfo.NameFile, Summary: "name the zone for programs that read " + zoneinfo.NameFile,
			Text: func(t state.Time, is places.Value) places.Value {
				if t.Zone == "" || is == nil {
					return is
				}
				return places.Some(t.Zone + "\n")
			},
		},
		localtime{form: zoneinfo.Link, told: tellTimedated},
	}
	d, err := s.daemonOf(m)
	if err != nil || d == nil {
		return list // limits has refused whatever needs one
	}
	return append(list,
		&places.File[state.Time]{Path: d.config, Summary: "follow the chosen NTP servers", Command: d.restart().String(), Text: d.text},
		places.Service[state.Time]{
			Name: d.unit, Needed: follows, Start: d.restart().String(),
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "systemctl", Args: []string{"is-active", "--quiet", d.unit}})
				return r.ExitCode == 0, err
			},
		})
}

// tellTimedated has systemd-timedated, which keeps the zone in memory while it
// runs, take up the new one.
func tellTimedated(ctx context.Context, m guest.Machine, zone string) error {
	_, err := guest.Output(ctx, m, "timedatectl", "set-timezone", zone)
	return err
}

func (d *daemon) restart() guest.Command {
	return guest.Command{Path: "systemctl", Args: []string{"restart", d.unit}, Deadline: time.Minute}
}

// Check has nothing to ask: the text is made of values that were judged, and
// what a daemon cannot read fails its restart.
func (systemd) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

func (s systemd) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	if !slices.ContainsFunc(changed, func(key string) bool { return key != zoneinfo.Localtime && key != zoneinfo.NameFile }) {
		return nil
	}
	d, err := s.daemonOf(m)
	if err != nil || d == nil {
		return err
	}
	r, err := m.Run(ctx, d.restart())
	if err != nil {
		return err
	}
	return guest.Check(d.restart(), r)
}

func (s systemd) Actual(ctx context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	var a state.TimeActual
	d, err := s.daemonOf(m)
	if err != nil {
		return nil, err
	}
	if d != nil {
		a.Time = d.settings(places.Text(is[d.config]))
		if is["service "+d.unit] != nil {
			d.status(ctx, m, &a)
		}
	}
	a.Zone = zoneInForce(is[zoneinfo.Localtime])
	return a, nil
}

// timesync is systemd-timesyncd, which sets a clock at once that is off by more
// than 0.4 seconds, and cannot be told to do otherwise.
var timesync = daemon{
	program: timesyncd.Program, unit: timesyncd.Unit, config: timesyncd.DropIn,
	text: func(t state.Time, _ places.Value) places.Value { return places.Some(timesyncd.Render(t.Servers)) },
	settings: func(text string) state.Time {
		t := state.Time{Servers: timesyncd.Parse(text)}
		if follows(t) {
			t.Correction = state.TimeStep
		}
		return t
	},
	status: func(ctx context.Context, m guest.Machine, into *state.TimeActual) {
		// One that does not tell is one that has nothing to tell yet.
		if s, err := timesyncd.ReadStatus(ctx, m); err == nil && s.Known {
			offset := s.Offset.Seconds()
			into.Source, into.OffsetSeconds = s.Server, &offset
		}
	},
	limits: func(t state.Time) error {
		if t.Correction == state.TimeSlew {
			return unsupported("time.correction", "systemd-timesyncd sets a clock at once that is off by more than 0.4 seconds; install the package chrony, or choose %s", state.TimeStep)
		}
		return nil
	},
}

// chronyd is chrony with its configuration at a path, as a unit.
func chronyd(config, unit string) daemon {
	return daemon{
		program: chrony.Program, unit: unit, config: config,
		text: func(t state.Time, is places.Value) places.Value {
			set := chrony.Set(places.Text(is), chrony.Settings{Servers: t.Servers, Correction: t.Correction})
			if set == places.Text(is) {
				return is
			}
			return &set
		},
		settings: func(text string) state.Time {
			s := chrony.Get(text)
			return state.Time{Servers: s.Servers, Correction: s.Correction}
		},
		status: func(ctx context.Context, m guest.Machine, into *state.TimeActual) {
			if t, err := chrony.ReadTracking(ctx, m); err == nil && t.Source != "" {
				into.Source, into.OffsetSeconds = t.Source, &t.OffsetSeconds
			}
		},
		limits: func(state.Time) error { return nil },
	}
}
