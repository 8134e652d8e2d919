package hostname

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/computername"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Windows gives a Windows machine the computer name and primary DNS suffix of
// its next start.
func Windows(api computername.API) Section {
	key := computer{}.key()
	return Section{
		limits: fitsWindows,
		places: func() []place { return []place{computer{api}} },
		actual: func(is map[string]value) Actual {
			n := parseComputer(is[key])
			return Actual{
				Hostname:      state.Hostname{Name: n.Hostname, Domain: n.Domain},
				RebootPending: n.RebootPending,
			}
		},
		capabilities: []string{"reboot-needed"},
	}
}

// fitsWindows mirrors what SetComputerNameExW refuses or would bend: a NetBIOS
// name has at most 15 characters, and one of digits only is none.
func fitsWindows(h state.Hostname) error {
	if n := len(h.Name); n > computername.LongestName {
		return section.Errorf(section.Unsupported, "hostname.name", "%q has %d characters; a Windows computer name (NetBIOS) has at most %d", h.Name, n, computername.LongestName)
	}
	if strings.Trim(h.Name, "0123456789") == "" {
		return section.Errorf(section.Unsupported, "hostname.name", "%q has digits only, which Windows does not take as a computer name", h.Name)
	}
	return nil
}

// computer is the names of the next start.
type computer struct{ api computername.API }

func (computer) key() string { return "computer name" }

// read leaves RebootPending in the value, for the report; want and set look at
// the names only, so that a pending restart alone is no difference.
func (c computer) read(context.Context, guest.Machine) (value, error) {
	n, err := computername.Read(c.api)
	if err != nil {
		return nil, err
	}
	return encodeNames(n)
}

func parseComputer(v value) computername.Names {
	var n computername.Names
	if json.Unmarshal([]byte(places.Text(v)), &n) != nil {
		return computername.Names{}
	}
	return n
}

func (computer) want(h state.Hostname, is value) value {
	n := parseComputer(is)
	if n.Hostname == h.Name && n.Domain == h.Domain {
		return is
	}
	v, err := encodeNames(computername.Names{Hostname: h.Name, Domain: h.Domain})
	if err != nil { // two strings always can be
		panic(err)
	}
	return v
}

func (c computer) set(_ context.Context, _ guest.Machine, _, to value, _ bool) error {
	n := parseComputer(to)
	return computername.Set(c.api, n.Hostname, n.Domain)
}

func (computer) tell(is, want value) section.Change {
	from, to := parseComputer(is), parseComputer(want)
	return section.Change{
		Summary: fmt.Sprintf("set the computer name from %q to %q; it comes into force with the next restart", full(hostOf(from)), full(hostOf(to))),
		Command: "SetComputerNameExW",
	}
}

func hostOf(n computername.Names) state.Hostname {
	return state.Hostname{Name: n.Hostname, Domain: n.Domain}
}
