package clock

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// PFSense keeps the zone and the NTP servers in pfSense's config.xml, written and
// applied by pfSense's own functions. Own is a file for the servers that were
// there before.
func PFSense(own string) Section { return on(pfsense{own: own, ask: askLocal}) }

type pfsense struct {
	own string
	ask asker
}

// Limits are those of pfSense's page Services > NTP, which has nothing about how
// the clock is corrected (www/services_ntpd.php).
func (pfsense) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if t.Correction != "" {
		return unsupported("time.correction", "pfSense has no setting for how ntpd corrects the clock; leave it out")
	}
	return knowsZone(m, t)
}

// ntpdPID has the process that pfSense started (pfSense's system.inc).
const ntpdPID = "/var/run/ntpd.pid"

func (p pfsense) Places(guest.Machine) []places.Place[state.Time] {
	c := &clockXML{}
	return []places.Place[state.Time]{
		zoneXML{c},
		zoneLive{command: "system_timezone_configure"},
		p.servers(c),
		places.Service[state.Time]{
			Needed: follows,
			Name:   "ntpd", Start: "system_ntp_configure",
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/bin/pgrep", Args: []string{"-F", ntpdPID}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// Check has nothing to ask: that the zone is there was seen before.
func (pfsense) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle leaves ntpd alone where the zone is all that changed.
func (pfsense) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	ntp := slices.ContainsFunc(changed, func(key string) bool { return key != zoneXML{}.Key() && key != zoneFile })
	return refusal(pfsenseconfig.ApplyClock(ctx, m, ntp))
}

func (p pfsense) Actual(ctx context.Context, _ guest.Machine, is map[string]places.Value) (any, error) {
	l := p.servers(nil)
	a := state.TimeActual{Time: state.Time{Zone: places.Text(is[zoneLive{}.Key()]), Servers: l.chosen(is[l.Key()])}}
	if is["service ntpd"] != nil {
		p.ask.status(ctx, &a)
	}
	return a, nil
}

// clockXML reads config.xml once for all places of an operation: each look
// starts pfSense's PHP.
type clockXML struct{ is pfsenseconfig.Clock }

func (c *clockXML) read(ctx context.Context, m guest.Machine) (pfsenseconfig.Clock, error) {
	if c.is == nil {
		is, err := pfsenseconfig.ReadClock(ctx, m)
		if err != nil {
			return nil, refusal(err)
		}
		c.is = is
	}
	return c.is, nil
}

// zoneXML is <system><timezone> in config.xml.
type zoneXML struct{ *clockXML }

func (zoneXML) Key() string { return "config.xml" }

func (z zoneXML) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	is, err := z.read(ctx, m)
	return places.Some(is[pfsenseconfig.Zone]), err
}

func (zoneXML) Want(t state.Time, is places.Value) places.Value { return zoneOr(t, is) }

func (zoneXML) Set(ctx context.Context, m guest.Machine, from, to places.Value, _ bool) error {
	set := func(v places.Value) pfsenseconfig.Clock {
		return pfsenseconfig.Clock{pfsenseconfig.Zone: places.Text(v)}
	}
	return refusal(pfsenseconfig.SetClock(ctx, m, set(to), set(from)))
}

func (zoneXML) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "set pfSense's zone from " + places.Text(is) + " to " + places.Text(want),
		Path:    "/cf/conf/config.xml", Command: "write_config",
	}
}

// servers are <system><timeservers>, and whether ntpd is on.
func (p pfsense) servers(c *clockXML) lent {
	return lent{
		file: p.own, name: "pfSense's NTP servers", command: "write_config, system_ntp_configure",
		read: func(ctx context.Context, m guest.Machine) (string, error) {
			is, err := c.read(ctx, m)
			if err != nil {
				return "", err
			}
			return encodeClock(is[pfsenseconfig.TimeServers], is[pfsenseconfig.NTPEnable]), nil
		},
		write: func(ctx context.Context, m guest.Machine, from, to string) error {
			return refusal(pfsenseconfig.SetClock(ctx, m, parseClock(to), parseClock(from)))
		},
		with: func(t state.Time, is string) string {
			enable := parseClock(is)[pfsenseconfig.NTPEnable]
			if enable == pfsenseconfig.NTPDisabled {
				enable = pfsenseconfig.NTPEnabled
			}
			return encodeClock(strings.Join(t.Servers, " "), enable)
		},
		servers: func(setting string) []string {
			return strings.Fields(parseClock(setting)[pfsenseconfig.TimeServers])
		},
	}
}

func encodeClock(servers, enable string) string {
	b, err := json.Marshal(pfsenseconfig.Clock{pfsenseconfig.TimeServers: servers, pfsenseconfig.NTPEnable: enable})
	if err != nil { // texts always can be
		panic(err)
	}
	return string(b)
}

func parseClock(setting string) pfsenseconfig.Clock {
	var c pfsenseconfig.Clock
	if json.Unmarshal([]byte(setting), &c) != nil {
		return nil
	}
	return c
}

// zoneLive is the zone in force on an appliance of FreeBSD's, which keeps its
// name in a file as tzsetup(8) does.
type zoneLive struct {
	// command is what makes it that of the configuration, for people.
	command string
}

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

// Set leaves it to the appliance, which makes it that of its configuration.
func (zoneLive) Set(context.Context, guest.Machine, places.Value, places.Value, bool) error {
	return nil
}

func (z zoneLive) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "have the clock show " + places.Text(want) + " instead of " + places.Text(is),
		Path:    zoneFile, Command: z.command,
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
