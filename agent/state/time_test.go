package state_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/state"
)

func TestTimeValidate(t *testing.T) {
	var eleven []string
	for i := range state.MaxTimeServers + 1 {
		eleven = append(eleven, fmt.Sprintf("ntp%d.example", i))
	}
	for name, good := range map[string]state.Time{
		"nothing":         {},
		"a zone":          {Zone: "America/Argentina/ComodRivadavia"},
		"a short zone":    {Zone: "UTC"},
		"a fixed zone":    {Zone: "Etc/GMT+12"},
		"name, addresses": {Servers: []string{"ntp.example", "192.0.2.1", "2001:db8::123"}},
		"step":            {Servers: []string{"ntp.example"}, Correction: "step"},
		"slew":            {Servers: eleven[:10], Correction: "slew"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		bad  state.Time
		says string
	}{
		"up a folder":      {state.Time{Zone: "../../etc/shadow"}, `time.zone: "../../etc/shadow" is not a zone's name`},
		"from the root":    {state.Time{Zone: "/etc/shadow"}, `time.zone: "/etc/shadow" is not a zone's name`},
		"a slash too many": {state.Time{Zone: "Europe/"}, `time.zone: "Europe/" is not a zone's name`},
		"a space":          {state.Time{Zone: "Europe/Rome now"}, `has a character that no zone's name has: " "`},
		"a POSIX zone":     {state.Time{Zone: "CET-1CEST,M3.5.0"}, `has a character that no zone's name has: ","`},
		"a long zone":      {state.Time{Zone: strings.Repeat("a", 65)}, "is longer than the name of any zone"},
		"an empty server":  {state.Time{Servers: []string{""}}, "time.servers[0]: is empty"},
		"no address":       {state.Time{Servers: []string{"a", "10.0.0.300"}}, `time.servers[1]: "10.0.0.300" is neither`},
		"an option":        {state.Time{Servers: []string{"ntp.example iburst"}}, "time.servers[0]: "},
		"twice":            {state.Time{Servers: []string{"a.b", "A.B"}}, "time.servers[1]: is the same server as time.servers[0]"},
		"too many":         {state.Time{Servers: eleven}, "time.servers: has 11 servers; at most 10"},
		"another way":      {state.Time{Servers: []string{"a"}, Correction: "jump"}, `time.correction: "jump" is not step or slew`},
		"nobody to follow": {state.Time{Correction: "step"}, "time.correction: is for a clock that follows time.servers"},
	} {
		err := c.bad.Validate()
		var invalid *state.InvalidError
		if !errors.As(err, &invalid) || !slices.ContainsFunc(invalid.Reasons(), func(r string) bool { return strings.Contains(r, c.says) }) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}
