package clock

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/ntpconf"
	"innkeeper/agent/mechanisms/sysconfig"
	"innkeeper/agent/mechanisms/zoneinfo"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Openfiler names its zone in /etc/sysconfig/clock and has a copy of the zone's
// file in /etc/localtime, as timeconfig(8) leaves them, which its web interface
// calls. Its NTP daemon is ntp.org's, which that interface configures whole, for
// one server, when its page Clock Setup is saved.
func Openfiler() Section { return on(openfiler{askLocal}) }

type openfiler struct{ ask asker }

func (openfiler) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if follows(t) {
		_, err := m.Stat(ntpconf.Program)
		if errors.Is(err, fs.ErrNotExist) {
			return unsupported("time.servers", "there is no ntpd; install the package ntp")
		}
		if err != nil {
			return err
		}
	}
	return knowsZone(m, t)
}

func (openfiler) Places(m guest.Machine) []places.Place[state.Time] {
	return []places.Place[state.Time]{
		&places.File[state.Time]{
			Path: sysconfig.ClockFile, Summary: "name the zone for Openfiler's own tools",
			Text: func(t state.Time, is places.Value) places.Value {
				if named, _ := sysconfig.Get(places.Text(is), "ZONE"); t.Zone == "" || named == t.Zone {
					return is
				}
				return places.Some(sysconfig.Set(places.Text(is), "ZONE", `"`+t.Zone+`"`))
			},
		},
		localtime{form: func(zone string) string {
			copied, err := zoneinfo.Copy(m, zone)
			if err != nil { // it was there when the zone was looked for; a link does as well
				return zoneinfo.Link(zone)
			}
			return copied
		}},
		ntpFile(ntpconf.Tickers, "leave the clock to ntpd when it starts", ntpconf.SetTickers),
		ntpFile(ntpconf.File, "follow the chosen NTP servers", ntpconf.Set),
		ntpdAtStart{},
		places.Service[state.Time]{
			Name: "ntpd", Needed: follows, Start: ntpdRestart.String(),
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/sbin/service", Args: []string{"ntpd", "status"}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// ntpFile is a file of ntpd's with the chosen settings in it.
func ntpFile(path, summary string, set func(text string, s ntpconf.Settings) string) *places.File[state.Time] {
	return &places.File[state.Time]{
		Path: path, Summary: summary, Command: ntpdRestart.String(),
		Text: func(t state.Time, is places.Value) places.Value {
			text := set(places.Text(is), ntpconf.Settings{Servers: t.Servers, Correction: t.Correction})
			if text == places.Text(is) {
				return is
			}
			return &text
		},
	}
}

var ntpdRestart = guest.Command{Path: "/sbin/service", Args: []string{"ntpd", "restart"}, Deadline: time.Minute}

// Check has nothing to ask: the text is made of values that were judged.
func (openfiler) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle starts ntpd anew unless the zone is all that changed, which programs
// read when they start.
func (openfiler) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	if !slices.ContainsFunc(changed, func(key string) bool { return key != zoneinfo.Localtime && key != sysconfig.ClockFile }) {
		return nil
	}
	r, err := m.Run(ctx, ntpdRestart)
	if err != nil {
		return err
	}
	return guest.Check(ntpdRestart, r)
}

// Actual believes the zone's name only if the copy is of that zone.
func (o openfiler) Actual(ctx context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	zone := zoneInForce(is[zoneinfo.Localtime])
	if zone == "" {
		named, _ := sysconfig.Get(places.Text(is[sysconfig.ClockFile]), "ZONE")
		if copied, err := zoneinfo.Copy(m, named); err == nil && copied == places.Text(is[zoneinfo.Localtime]) {
			zone = named
		}
	}
	s := ntpconf.Get(places.Text(is[ntpconf.File]))
	a := state.TimeActual{Time: state.Time{Zone: zone, Servers: s.Servers, Correction: s.Correction}}
	if is["service ntpd"] != nil {
		o.ask.status(ctx, &a)
	}
	return a, nil
}

// ntpdAtStart is whether ntpd starts with the machine, in run level 3
// (chkconfig(8)).
type ntpdAtStart struct{}

func (ntpdAtStart) Key() string { return "chkconfig ntpd" }

func (ntpdAtStart) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	r, err := m.Run(ctx, guest.Command{Path: "/sbin/chkconfig", Args: []string{"--level", "3", "ntpd"}})
	if err != nil || r.ExitCode != 0 {
		return nil, err
	}
	return places.Some("on"), nil
}

func (ntpdAtStart) Want(t state.Time, is places.Value) places.Value {
	if !follows(t) {
		return is
	}
	return places.Some("on")
}

func (ntpdAtStart) Set(ctx context.Context, m guest.Machine, _, to places.Value, _ bool) error {
	how := "off"
	if to != nil {
		how = "on"
	}
	_, err := guest.Output(ctx, m, "/sbin/chkconfig", "ntpd", how)
	return err
}

func (ntpdAtStart) Tell(is, want places.Value) section.Change {
	return section.Change{Summary: "start ntpd with the machine", Command: "chkconfig ntpd on"}
}
