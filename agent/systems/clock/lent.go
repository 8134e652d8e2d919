package clock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// lent is a setting of NTP servers that has room for one list only, without a
// place to say whose it is. While the chosen servers stand in it, the machine's
// own setting is kept in a file, from which it comes back when no more are
// chosen. Without that file the setting is not ours, and is left alone.
type lent struct {
	// file keeps the machine's own setting.
	file string
	// name is the setting's, as people know it; command is what sets it.
	name, command string
	// read and write are the setting, as a text that is the same for the same
	// setting. It is never empty.
	read  func(ctx context.Context, m guest.Machine) (string, error)
	write func(ctx context.Context, m guest.Machine, from, to string) error
	// with is the setting with the chosen servers in it, given what it is.
	with func(t state.Time, is string) string
	// servers are those of the setting.
	servers func(setting string) []string
}

var _ places.Place[state.Time] = lent{}

// setting is a lent's value.
type setting struct {
	Is string `json:"is"`
	// Own is the machine's own, nil if that is what it is.
	Own *string `json:"own,omitempty"`
}

func (lent) Key() string { return "servers" }

func (l lent) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	var s setting
	var err error
	if s.Is, err = l.read(ctx, m); err != nil {
		return nil, err
	}
	own, err := m.ReadFile(l.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		text := string(own)
		s.Own = &text
	}
	return s.value(), nil
}

func (s setting) value() places.Value {
	b, err := json.Marshal(s)
	if err != nil { // texts always can be
		panic(err)
	}
	return places.Some(string(b))
}

func parseSetting(v places.Value) setting {
	var s setting
	if json.Unmarshal([]byte(places.Text(v)), &s) != nil {
		return setting{}
	}
	return s
}

func (l lent) Want(t state.Time, is places.Value) places.Value {
	s := parseSetting(is)
	switch {
	case follows(t):
		if s.Own == nil {
			own := s.Is
			s.Own = &own
		}
		s.Is = l.with(t, s.Is)
	case s.Own != nil:
		s = setting{Is: *s.Own}
	}
	return s.value()
}

// Set keeps what is the machine's own before it is overwritten, and lets go of
// it when it is back.
func (l lent) Set(ctx context.Context, m guest.Machine, from, to places.Value, _ bool) error {
	is, want := parseSetting(from), parseSetting(to)
	if want.Own != nil {
		if err := places.WriteFile(m, l.file, want.Own); err != nil {
			return fmt.Errorf("keep the machine's own NTP servers: %w", err)
		}
	}
	if is.Is != want.Is {
		if err := l.write(ctx, m, is.Is, want.Is); err != nil {
			return err
		}
	}
	if want.Own == nil {
		return places.WriteFile(m, l.file, nil)
	}
	return nil
}

func (l lent) Tell(is, want places.Value) section.Change {
	from, to := l.servers(parseSetting(is).Is), l.servers(parseSetting(want).Is)
	return section.Change{
		Summary: fmt.Sprintf("have %s be %s instead of %s", l.name, list(to), list(from)),
		Command: l.command,
	}
}

// chosen are the servers that were chosen, none while the setting is the
// machine's own.
func (l lent) chosen(v places.Value) []string {
	s := parseSetting(v)
	if s.Own == nil {
		return nil
	}
	return l.servers(s.Is)
}

func list(servers []string) string {
	if len(servers) == 0 {
		return "none"
	}
	return strings.Join(servers, ", ")
}
