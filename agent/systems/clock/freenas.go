package clock

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// FreeNAS keeps the zone and the NTP servers in the configuration of TrueNAS
// CORE, whose middleware renders /etc/localtime and ntp.conf. Socket is where
// the middleware listens; own is a file for the servers that were there before.
func FreeNAS(socket, own string) Section {
	return on(freenas{socket: socket, own: own, ask: askLocal})
}

type freenas struct {
	socket, own string
	ask         asker
}

// Limits are those of system.general.update (plugins/system.py of 13.0), which
// does not offer the zones of fixed offset, and of ntp.conf as it is rendered,
// in which ntpd's defaults hold for the correction.
func (freenas) Limits(_ context.Context, m guest.Machine, t state.Time) error {
	if t.Correction != "" {
		return unsupported("time.correction", "TrueNAS has no setting for how ntpd corrects the clock; leave it out")
	}
	if strings.HasPrefix(t.Zone, "Etc/GMT") {
		return unsupported("time.zone", "TrueNAS does not offer the zones that begin with Etc/GMT; choose one of a place, or UTC")
	}
	return knowsZone(m, t)
}

func (f freenas) Places(guest.Machine) []places.Place[state.Time] {
	return []places.Place[state.Time]{
		generalZone(f.connection()),
		zoneLive{command: "service.reload timeservices"},
		f.servers(),
		places.Service[state.Time]{
			Needed: follows,
			Name:   "ntpd", Start: "service.reload timeservices",
			Runs: func(ctx context.Context, m guest.Machine) (bool, error) {
				r, err := m.Run(ctx, guest.Command{Path: "/usr/sbin/service", Args: []string{"ntpd", "status"}})
				return r.ExitCode == 0, err
			},
		},
	}
}

// connection does something with a connection of its own to the middleware.
type connection func(ctx context.Context, do func(*middleware.Client) error) error

func (f freenas) connection() connection {
	return func(ctx context.Context, do func(*middleware.Client) error) error {
		c, err := middleware.Connect(ctx, f.socket)
		if err != nil {
			return err
		}
		defer c.Close()
		return do(c)
	}
}

// Check has nothing to ask: the middleware judges what it is given.
func (freenas) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle has all rendered and ntpd started anew even where the update of the
// settings did it: a change that was cut short may have left it with what was
// before.
func (f freenas) Settle(ctx context.Context, _ guest.Machine, _ []string) error {
	return f.connection()(ctx, func(c *middleware.Client) error { return c.ReloadTime(ctx) })
}

func (f freenas) Actual(ctx context.Context, _ guest.Machine, is map[string]places.Value) (any, error) {
	l := f.servers()
	a := state.TimeActual{Time: state.Time{Zone: places.Text(is[zoneLive{}.Key()]), Servers: l.chosen(is[l.Key()])}}
	if is["service ntpd"] != nil {
		f.ask.status(ctx, &a)
	}
	return a, nil
}

// generalZone is the zone of system.general.
type generalZone connection

func (generalZone) Key() string { return "system.general" }

func (g generalZone) Read(ctx context.Context, _ guest.Machine) (v places.Value, err error) {
	err = g(ctx, func(c *middleware.Client) error {
		zone, err := c.Timezone(ctx)
		v = places.Some(zone)
		return err
	})
	return v, err
}

func (generalZone) Want(t state.Time, is places.Value) places.Value { return zoneOr(t, is) }

func (g generalZone) Set(ctx context.Context, _ guest.Machine, _, to places.Value, _ bool) error {
	err := g(ctx, func(c *middleware.Client) error { return c.SetTimezone(ctx, places.Text(to)) })
	return refusedField(err, "timezone", "time.zone")
}

// refusedField says by the section's field what the middleware refuses.
func refusedField(err error, name, path string) error {
	var refused *middleware.CallError
	if errors.As(err, &refused) {
		for _, f := range refused.Fields {
			if f.Name() == name {
				return section.Errorf(section.Invalid, path, "TrueNAS refuses it: %s", f.Message)
			}
		}
	}
	return err
}

func (generalZone) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: "set TrueNAS' zone from " + places.Text(is) + " to " + places.Text(want),
		Command: "system.general.update timezone",
	}
}

// servers are those of system.ntpserver.
func (f freenas) servers() lent {
	with := f.connection()
	return lent{
		file: f.own, name: "TrueNAS' NTP servers", command: "system.ntpserver",
		read: func(ctx context.Context, _ guest.Machine) (text string, err error) {
			err = with(ctx, func(c *middleware.Client) error {
				servers, err := c.TimeServers(ctx)
				if err != nil {
					return err
				}
				text, err = encodeServers(servers)
				return err
			})
			return text, err
		},
		write: func(ctx context.Context, _ guest.Machine, _, to string) error {
			err := with(ctx, func(c *middleware.Client) error { return c.SetTimeServers(ctx, parseServers(to)) })
			return refusedField(err, "address", "time.servers")
		},
		with: func(t state.Time, is string) string {
			if slices.Equal(addresses(is), t.Servers) {
				return is // in an administrator's own words
			}
			var servers []middleware.TimeServer
			for _, address := range t.Servers {
				servers = append(servers, middleware.NewTimeServer(address))
			}
			text, err := encodeServers(servers)
			if err != nil { // texts and numbers always can be
				panic(err)
			}
			return text
		},
		servers: addresses,
	}
}

func addresses(text string) []string {
	var names []string
	for _, s := range parseServers(text) {
		names = append(names, s.Address)
	}
	return names
}

func encodeServers(servers []middleware.TimeServer) (string, error) {
	b, err := json.Marshal(servers)
	return string(b), err
}

func parseServers(text string) []middleware.TimeServer {
	var servers []middleware.TimeServer
	if json.Unmarshal([]byte(text), &servers) != nil {
		return nil
	}
	return servers
}
