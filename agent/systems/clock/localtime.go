package clock

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/zoneinfo"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// localtime is the zone in force, /etc/localtime.
type localtime struct {
	// form is what it has to be for a zone.
	form func(zone string) string
	// told lets those know that a zone was set who keep it in memory; nil if
	// there are none.
	told func(ctx context.Context, m guest.Machine, zone string) error
}

var _ places.Place[state.Time] = localtime{}

// Key implements places.Place.
func (localtime) Key() string { return zoneinfo.Localtime }

// Read implements places.Place.
func (localtime) Read(_ context.Context, m guest.Machine) (places.Value, error) {
	is, err := zoneinfo.Read(m)
	return places.Some(is), err
}

// Want implements places.Place. A link to the zone is right in every form.
func (l localtime) Want(t state.Time, is places.Value) places.Value {
	if t.Zone == "" || zoneinfo.Name(places.Text(is)) == t.Zone {
		return is
	}
	return places.Some(l.form(t.Zone))
}

// Set writes the file itself, so that a power cut later does not lose it. What
// is brought back does not need those who are told.
func (l localtime) Set(ctx context.Context, m guest.Machine, _, to places.Value, undo bool) error {
	if err := zoneinfo.Write(m, places.Text(to)); err != nil {
		return err
	}
	zone := zoneinfo.Name(places.Text(to))
	if l.told == nil || zone == "" {
		return nil
	}
	if err := l.told(ctx, m, zone); err != nil && !undo {
		return err
	}
	return nil
}

// Tell implements places.Place.
func (localtime) Tell(is, want places.Value) section.Change {
	from, to := zoneinfo.Describe(places.Text(is)), zoneinfo.Describe(places.Text(want))
	return section.Change{Summary: "set the clock's zone from " + from + " to " + to, Path: zoneinfo.Localtime}
}

// zoneInForce is the zone that a value of localtime names. Without the file it
// is UTC (localtime(5)).
func zoneInForce(is places.Value) string {
	if is == nil {
		return "UTC"
	}
	return zoneinfo.Name(*is)
}
