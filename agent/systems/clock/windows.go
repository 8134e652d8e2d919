package clock

import (
	"context"
	"encoding/json"
	"slices"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/w32time"
	"innkeeper/agent/mechanisms/windowszone"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Windows keeps the zone in the registry, under a name of its own that stands
// for several of IANA's, and the NTP servers in the settings of its service
// Windows Time. Own is a file for the servers that were there before.
func Windows(api w32time.API, own string) Section { return on(windows{api, own}) }

type windows struct {
	api w32time.API
	own string
}

func (w windows) Limits(_ context.Context, _ guest.Machine, t state.Time) error {
	if t.Correction != "" {
		return unsupported("time.correction", "Windows decides by how much the clock is off; leave it out")
	}
	if follows(t) {
		s, err := w32time.ReadSource(w.api)
		if err != nil {
			return err
		}
		if s.Type == w32time.Domain {
			return unsupported("time.servers", "this machine follows the clock of its domain (Windows Time has the type %s); leave them out", s.Type)
		}
	}
	if t.Zone == "" {
		return nil
	}
	name, ok := windowszone.Of(t.Zone)
	if ok {
		var err error
		if ok, err = w32time.Known(w.api, name); err != nil {
			return err
		}
	}
	if !ok {
		return section.Errorf(section.Invalid, "time.zone", "%q is not a zone that this machine knows; tzutil /l lists its own", t.Zone)
	}
	return nil
}

func (w windows) Places(guest.Machine) []places.Place[state.Time] {
	return []places.Place[state.Time]{
		windowsZone{w.api},
		w.servers(),
		timeAtStart{w.api},
		places.Service[state.Time]{
			Name: timeService, Needed: follows, Start: "net start w32time",
			Runs: func(context.Context, guest.Machine) (bool, error) { return w.api.Running() },
		},
	}
}

// Check has nothing to ask: that the zone is there was seen before.
func (windows) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle has the service take up its servers. The zone is in force once it is set.
func (w windows) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	if !slices.ContainsFunc(changed, func(key string) bool { return key != windowsZone{}.Key() }) {
		return nil
	}
	return w32time.TakeUp(ctx, m, w.api)
}

// Actual names the usual one of the zones that Windows' stands for.
func (w windows) Actual(ctx context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	zone := places.Text(is[windowsZone{}.Key()])
	if iana, ok := windowszone.IANA(zone); ok {
		zone = iana
	}
	l := w.servers()
	a := state.TimeActual{Time: state.Time{Zone: zone, Servers: l.chosen(is[l.Key()])}}
	if follows(a.Time) && is["service "+timeService] != nil {
		// One that does not tell is one that has nothing to tell yet.
		if s, err := w32time.ReadStatus(ctx, m); err == nil && s.Source != "" {
			a.Source, a.OffsetSeconds = s.Source, &s.OffsetSeconds
		}
	}
	return a, nil
}

// timeService is the service's name.
const timeService = "w32time"

// servers are whom Windows Time follows.
func (w windows) servers() lent {
	return lent{
		file: w.own, name: "the servers of Windows Time", command: "w32tm /config",
		read: func(context.Context, guest.Machine) (string, error) {
			s, err := w32time.ReadSource(w.api)
			if err != nil {
				return "", err
			}
			return encodeSource(s), nil
		},
		write: func(ctx context.Context, m guest.Machine, _, to string) error {
			return w32time.SetSource(ctx, m, parseSource(to))
		},
		with: func(t state.Time, is string) string {
			if s := parseSource(is); s.Type == w32time.Manual && slices.Equal(s.Servers(), t.Servers) {
				return is // with an administrator's flags
			}
			return encodeSource(w32time.Follow(t.Servers))
		},
		servers: func(setting string) []string { return parseSource(setting).Servers() },
	}
}

func encodeSource(s w32time.Source) string {
	b, err := json.Marshal(s)
	if err != nil { // texts always can be
		panic(err)
	}
	return string(b)
}

func parseSource(setting string) w32time.Source {
	var s w32time.Source
	if json.Unmarshal([]byte(setting), &s) != nil {
		return w32time.Source{}
	}
	return s
}

// timeAtStart is whether Windows Time starts with the machine. Where it is in no
// domain, it does so on demand only.
type timeAtStart struct{ api w32time.API }

func (timeAtStart) Key() string { return "start of " + timeService }

func (s timeAtStart) Read(context.Context, guest.Machine) (places.Value, error) {
	on, err := s.api.Automatic()
	if err != nil || !on {
		return nil, err
	}
	return places.Some("automatic"), nil
}

func (timeAtStart) Want(t state.Time, is places.Value) places.Value {
	if !follows(t) {
		return is
	}
	return places.Some("automatic")
}

func (s timeAtStart) Set(_ context.Context, _ guest.Machine, _, to places.Value, _ bool) error {
	return s.api.SetAutomatic(to != nil)
}

func (timeAtStart) Tell(_, _ places.Value) section.Change {
	return section.Change{Summary: "start Windows Time with the machine", Command: "sc config w32time start= auto"}
}

// windowsZone is the zone in force, by Windows' name.
type windowsZone struct{ registry w32time.Registry }

func (windowsZone) Key() string { return "TimeZoneInformation" }

func (z windowsZone) Read(context.Context, guest.Machine) (places.Value, error) {
	name, err := w32time.Zone(z.registry)
	return places.Some(name), err
}

func (windowsZone) Want(t state.Time, is places.Value) places.Value {
	name, ok := windowszone.Of(t.Zone)
	if !ok {
		return is
	}
	return places.Some(name)
}

func (windowsZone) Set(ctx context.Context, m guest.Machine, _, to places.Value, _ bool) error {
	return w32time.SetZone(ctx, m, places.Text(to))
}

func (windowsZone) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "set Windows' zone from " + places.Text(is) + " to " + places.Text(want),
		Command: "tzutil /s",
	}
}
