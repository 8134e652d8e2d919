package clock

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// PFSense keeps the zone in pfSense's config.xml, written and applied by
// pfSense's own functions. The NTP servers are those of its page General Setup.
func PFSense() Section { return on(pfsense{}) }

type pfsense struct{}

func (pfsense) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if follows(t) {
		return unsupported("time.servers", "guestd does not set pfSense's NTP servers; choose them in System > General Setup, and leave them out here")
	}
	return knowsZone(m, t)
}

func (pfsense) Places(guest.Machine) []places.Place[state.Time] {
	return []places.Place[state.Time]{zoneXML{}, zoneLive{}}
}

// Check has nothing to ask: that the zone is there was seen before.
func (pfsense) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

func (pfsense) Settle(ctx context.Context, m guest.Machine, _ []string) error {
	return refusal(pfsenseconfig.ApplyZone(ctx, m))
}

func (pfsense) Actual(_ context.Context, _ guest.Machine, is map[string]places.Value) (any, error) {
	return state.TimeActual{Time: state.Time{Zone: places.Text(is[zoneLive{}.Key()])}}, nil
}

// zoneXML is <system><timezone> in config.xml.
type zoneXML struct{}

func (zoneXML) Key() string { return "config.xml" }

func (zoneXML) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	zone, err := pfsenseconfig.ReadZone(ctx, m)
	return places.Some(zone), refusal(err)
}

func (zoneXML) Want(t state.Time, is places.Value) places.Value { return zoneOr(t, is) }

func (zoneXML) Set(ctx context.Context, m guest.Machine, from, to places.Value, _ bool) error {
	return refusal(pfsenseconfig.SetZone(ctx, m, places.Text(to), places.Text(from)))
}

func (zoneXML) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "set pfSense's zone from " + places.Text(is) + " to " + places.Text(want),
		Path:    "/cf/conf/config.xml", Command: "write_config",
	}
}

// zoneLive is the zone in force, of which pfSense keeps the name in a file as
// FreeBSD's tzsetup(8) does.
type zoneLive struct{}

const zoneFile = "/var/db/zoneinfo"

func (zoneLive) Key() string { return zoneFile }

func (zoneLive) Read(_ context.Context, m guest.Machine) (places.Value, error) {
	b, err := m.ReadFile(zoneFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return places.Some(strings.TrimSpace(string(b))), err
}

func (zoneLive) Want(t state.Time, is places.Value) places.Value { return zoneOr(t, is) }

// Set leaves it to pfSense, which makes it that of config.xml.
func (zoneLive) Set(context.Context, guest.Machine, places.Value, places.Value, bool) error {
	return nil
}

func (zoneLive) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "have the clock show " + places.Text(want) + " instead of " + places.Text(is),
		Path:    zoneFile, Command: "system_timezone_configure",
	}
}

func zoneOr(t state.Time, is places.Value) places.Value {
	if t.Zone == "" {
		return is
	}
	return places.Some(t.Zone)
}

// refusal says in the section's terms what pfSense does not let through.
func refusal(err error) error {
	var r *pfsenseconfig.Refusal
	if errors.As(err, &r) && r.Code == "busy" {
		return section.Errorf(section.Busy, "time", "%s", r.Message)
	}
	return err
}
