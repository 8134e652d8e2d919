package clock

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/sysconfig"
	"innkeeper/agent/mechanisms/zoneinfo"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
)

// Openfiler names its zone in /etc/sysconfig/clock and has a copy of the zone's
// file in /etc/localtime, as timeconfig(8) leaves them, which its web interface
// calls. The NTP servers are that interface's.
func Openfiler() Section { return on(openfiler{}) }

type openfiler struct{}

func (openfiler) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if follows(t) {
		return unsupported("time.servers", "guestd does not set the NTP servers of an Openfiler; choose one in System > Clock Setup, and leave them out here")
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
	}
}

// Check has nothing to ask: no program reads the files before they are in place.
func (openfiler) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle has nothing to do: programs read the zone when they start.
func (openfiler) Settle(context.Context, guest.Machine, []string) error { return nil }

// Actual believes the name only if the copy is of that zone.
func (openfiler) Actual(_ context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	zone := zoneInForce(is[zoneinfo.Localtime])
	if zone == "" {
		named, _ := sysconfig.Get(places.Text(is[sysconfig.ClockFile]), "ZONE")
		if copied, err := zoneinfo.Copy(m, named); err == nil && copied == places.Text(is[zoneinfo.Localtime]) {
			zone = named
		}
	}
	return state.TimeActual{Time: state.Time{Zone: zone}}, nil
}
