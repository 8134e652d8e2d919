// Package logging is the section "logging" of the desired document. Which of a
// machine's files or settings say where its log goes differs by system; the
// section is the same everywhere over a list of these places.
package logging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// name is the section's name.
const name = "logging"

// value is what one place holds, nil if it is not there.
type value *string

// place is one of the places that say where a machine's log goes. A place
// lives for one operation: read is called first.
type place interface {
	// key names the place in a checkpoint; it must stay the same between versions.
	key() string
	read(ctx context.Context, m guest.Machine) (value, error)
	// want is what the place should hold, given what it does hold.
	want(l state.Logging, is value) value
	// set makes the place hold a value.
	set(ctx context.Context, m guest.Machine, from, to value, undo bool) error
	// tell describes the change.
	tell(is, want value) section.Change
}

// guarded is a place that at times must not be changed.
type guarded interface {
	// free is nil if the place may be changed now.
	free() error
}

// backend is how one system keeps its log.
type backend interface {
	// limits says what of the contract this machine cannot do, as a
	// section.Error with the field's path.
	limits(ctx context.Context, m guest.Machine, l state.Logging) error
	// places are made afresh for each operation, in the order in which they
	// are set and brought back.
	places(m guest.Machine) []place
	// check judges, before the first place is set, what all will hold.
	check(ctx context.Context, m guest.Machine, want map[string]value) error
	// settle has the system read what the places with these keys hold now.
	settle(ctx context.Context, m guest.Machine, changed []string) error
	// actual is the section's value as the places have it.
	actual(m guest.Machine, is map[string]value) state.Logging
}

// Section is the section on one system.
type Section struct {
	backend
	// peers asks the tls targets who they are.
	peers func(ctx context.Context, l state.Logging) error
}

var _ section.Section = Section{}

// Describe implements section.Section.
func (s Section) Describe() section.Description {
	schema, err := state.Schema(name)
	if err != nil { // embedded, so it is there
		panic(err)
	}
	return section.Description{Sections: []string{name}, Schema: schema}
}

// Plan implements section.Section. A tls target that shows a wrong certificate
// is an error even if nothing is to be changed: nothing arrives there, and no
// log daemon says so but in its log.
func (s Section) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	l, err := decode(desired)
	if err != nil {
		return section.Plan{}, err
	}
	if err := s.limits(ctx, m, l); err != nil {
		return section.Plan{}, err
	}
	is := map[string]value{}
	var plan section.Plan
	var hindered error
	checkpoint := newCheckpoint()
	for _, p := range s.places(m) {
		v, err := p.read(ctx, m)
		if err != nil {
			return section.Plan{}, annotate(err, "read %s", p.key())
		}
		is[p.key()] = v
		want := p.want(l, v)
		if same(v, want) {
			continue
		}
		checkpoint.Places[p.key()] = v
		plan.Changes = append(plan.Changes, p.tell(v, want))
		if g, ok := p.(guarded); ok {
			hindered = errors.Join(hindered, g.free())
		}
	}
	if hindered != nil {
		return section.Plan{}, hindered
	}
	if err := s.peers(ctx, l); err != nil {
		return section.Plan{}, err
	}
	if plan.Actual, err = json.Marshal(s.actual(m, is)); err != nil {
		return section.Plan{}, err
	}
	if len(plan.Changes) > 0 {
		plan.Checkpoint, err = json.Marshal(checkpoint)
	}
	return plan, err
}

// Apply implements section.Section. It is refused as busy when a place holds
// neither what the plan saw nor what is desired: someone else is at work.
func (s Section) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	l, err := decode(desired)
	if err != nil {
		return err
	}
	planned := newCheckpoint()
	if len(plan.Checkpoint) > 0 {
		if planned, err = decodeCheckpoint(plan.Checkpoint); err != nil {
			return err
		}
	}
	var todo []place
	is, want := map[string]value{}, map[string]value{}
	for _, p := range s.places(m) {
		key := p.key()
		if is[key], err = p.read(ctx, m); err != nil {
			return annotate(err, "read %s", key)
		}
		want[key] = p.want(l, is[key])
		if same(is[key], want[key]) {
			continue
		}
		if before, ok := planned.Places[key]; !ok || !same(is[key], before) {
			return section.Errorf(section.Busy, name, "%s was changed by someone else after the plan was made", key)
		}
		todo = append(todo, p)
	}
	if len(todo) == 0 {
		return nil
	}
	if err := s.check(ctx, m, want); err != nil {
		return err
	}
	var changed []string
	for _, p := range todo {
		key := p.key()
		section.Progress(ctx, p.tell(is[key], want[key]).Summary, -1)
		if err := p.set(ctx, m, is[key], want[key], false); err != nil {
			return annotate(err, "set %s", key)
		}
		changed = append(changed, key)
	}
	return s.settle(ctx, m, changed)
}

// Restore implements section.Section. It goes on past a place that cannot be
// brought back, so that as much as possible is. The system reads them anew even
// if they are right: a restore before this one may have been cut short between
// writing and that.
func (s Section) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	checkpoint, err := decodeCheckpoint(raw)
	if err != nil {
		return err
	}
	var failed error
	var known []string
	for _, p := range s.places(m) {
		key := p.key()
		before, ok := checkpoint.Places[key]
		if !ok {
			continue
		}
		known = append(known, key)
		is, err := p.read(ctx, m)
		if err == nil && !same(is, before) {
			err = p.set(ctx, m, is, before, true)
		}
		if err != nil {
			failed = errors.Join(failed, annotate(err, "bring back %s", key))
		}
	}
	if len(known) > 0 {
		failed = errors.Join(failed, s.settle(ctx, m, known))
	}
	if failed == nil && len(known) < len(checkpoint.Places) {
		failed = fmt.Errorf("the checkpoint has %d places, of which this version of guestd knows %d", len(checkpoint.Places), len(known))
	}
	return failed
}

// decode reads and judges the desired value.
func decode(desired json.RawMessage) (state.Logging, error) {
	var l state.Logging
	err := state.DecodeSection(name, desired, &l)
	if err == nil {
		err = l.Validate()
	}
	var invalid *state.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		first := invalid.Problems[0]
		return l, section.Errorf(section.Invalid, first.Path, "%s", first.Message)
	}
	return l, err
}

func same(a, b value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return *a == *b
}

// text is a value's text, empty if it is not there.
func text(v value) string {
	if v == nil {
		return ""
	}
	return *v
}

// some is a value with this text, or none for an empty one.
func some(s string) value {
	if s == "" {
		return nil
	}
	return &s
}

// annotate says what failed, unless the error is one for the document's owner,
// whose code and path must stay.
func annotate(err error, format string, args ...any) error {
	var typed *section.Error
	if errors.As(err, &typed) {
		return err
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
