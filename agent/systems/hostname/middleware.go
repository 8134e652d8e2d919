package hostname

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Middleware keeps name and domain in the configuration of TrueNAS CORE, whose
// middleware renders the files and sets the kernel's name. Socket is where the
// middleware listens.
func Middleware(socket string) Section {
	key := network{}.key()
	return Section{
		limits: needsDomain("TrueNAS", "local"),
		places: func() []place { return []place{network{socket}, kernel{full}} },
		actual: func(is map[string]value) Actual {
			n := parseNetwork(is[key])
			return Actual{Hostname: state.Hostname{Name: n.Hostname, Domain: n.Domain}}
		},
	}
}

// needsDomain refuses a name without a domain where the system does.
func needsDomain(system, example string) func(state.Hostname) error {
	return func(h state.Hostname) error {
		if h.Domain == "" {
			return section.Errorf(section.Unsupported, "hostname.domain", "%s cannot be without a domain; give one, %q is its own default", system, example)
		}
		return nil
	}
}

// network is network.configuration of the middleware.
type network struct{ socket string }

func (network) key() string { return "network.configuration" }

func (n network) read(ctx context.Context, _ guest.Machine) (value, error) {
	c, err := middleware.Connect(ctx, n.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	names, pair, err := c.NetworkConfig(ctx)
	if err != nil {
		return nil, err
	}
	if pair {
		return nil, section.Errorf(section.Unsupported, name, "this machine is one of a high availability pair, whose names belong together; guestd does not manage those")
	}
	return encodeNames(names)
}

func encodeNames(v any) (value, error) {
	b, err := json.Marshal(v)
	return some(string(b)), err
}

func parseNetwork(v value) middleware.Network {
	var n middleware.Network
	if json.Unmarshal([]byte(places.Text(v)), &n) != nil {
		return middleware.Network{}
	}
	return n
}

func (network) want(h state.Hostname, is value) value {
	n := middleware.Network{Hostname: h.Name, Domain: h.Domain}
	if parseNetwork(is) == n {
		return is
	}
	v, err := encodeNames(n)
	if err != nil { // two strings always can be
		panic(err)
	}
	return v
}

func (n network) set(ctx context.Context, _ guest.Machine, _, to value, _ bool) error {
	c, err := middleware.Connect(ctx, n.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.SetNetwork(ctx, parseNetwork(to))
	if err == nil {
		// syslog-ng asks for the name when it starts, and the middleware leaves
		// it running (plugins/network.py, do_update).
		_, err = c.RestartSyslog(ctx)
	}
	var refused *middleware.CallError
	if !errors.As(err, &refused) {
		return err
	}
	for _, f := range refused.Fields {
		switch f.Name() {
		case "hostname", "hostname_virtual":
			return section.Errorf(section.Invalid, "hostname.name", "TrueNAS refuses it: %s", f.Message)
		case "domain":
			return section.Errorf(section.Invalid, "hostname.domain", "TrueNAS refuses it: %s", f.Message)
		}
	}
	return err
}

func (network) tell(is, want value) section.Change {
	from, to := parseNetwork(is), parseNetwork(want)
	return section.Change{
		Summary: fmt.Sprintf("set the host name from %q to %q in TrueNAS' network configuration", from.Hostname+"."+from.Domain, to.Hostname+"."+to.Domain),
		Command: "network.configuration.update " + places.Text(want),
	}
}
