// Package places is the engine of a section whose value stands in several
// places of a machine: files, settings, whether a service runs. Which places
// these are differs by system; that they are read, compared, set in their order
// and brought back does not.
package places

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// Value is what one place holds, nil if it is not there.
type Value *string

// Place is one of the places that a section's desired value D is written to. It
// lives for one operation: Read is called first.
type Place[D any] interface {
	// Key names the place in a checkpoint; it must stay the same between versions.
	Key() string
	Read(ctx context.Context, m guest.Machine) (Value, error)
	// Want is what the place should hold, given what it does hold.
	Want(d D, is Value) Value
	// Set makes the place hold a value. Undo says that it is brought back.
	Set(ctx context.Context, m guest.Machine, from, to Value, undo bool) error
	// Tell describes the change.
	Tell(is, want Value) section.Change
}

// Guarded is a place that at times must not be changed.
type Guarded interface {
	// Free is nil if the place may be changed now.
	Free() error
}

// Backend is a section on one system.
type Backend[D any] interface {
	// Limits says what of the contract this machine cannot do, as a
	// section.Error with the field's path.
	Limits(ctx context.Context, m guest.Machine, d D) error
	// Places are made afresh for each operation, in the order in which they
	// are set and brought back.
	Places(m guest.Machine) []Place[D]
	// Check judges, before the first place is set, what all will hold.
	Check(ctx context.Context, m guest.Machine, want map[string]Value) error
	// Settle has the system read what the places with these keys hold now.
	Settle(ctx context.Context, m guest.Machine, changed []string) error
	// Actual is the section's value as the places have it.
	Actual(ctx context.Context, m guest.Machine, is map[string]Value) (any, error)
}

// Section is a section over the places of a Backend.
type Section[D any] struct {
	// Name is the section's, with which its schema is found and the paths of
	// its fields begin.
	Name string
	Backend[D]
	// Validate judges a desired value by itself; its error is a
	// *state.InvalidError.
	Validate func(D) error
	// Verify, if there is one, looks at what the desired value names beyond the
	// machine. It is asked at every plan.
	Verify func(ctx context.Context, m guest.Machine, d D) error
	// After are the sections of section.Description.
	After []string
}

// deadlineSeconds bounds a call: what puts a value into force starts services
// anew, and systemd alone waits 90 s for one (DefaultTimeoutStartSec of
// systemd-system.conf(5)).
const deadlineSeconds = 180

// Describe implements section.Section.
func (s Section[D]) Describe() section.Description {
	schema, err := state.Schema(s.Name)
	if err != nil { // embedded, so it is there
		panic(err)
	}
	return section.Description{Sections: []string{s.Name}, Schema: schema, After: s.After, DeadlineSeconds: deadlineSeconds}
}

// Plan implements section.Section.
func (s Section[D]) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	d, err := s.decode(desired)
	if err != nil {
		return section.Plan{}, err
	}
	if err := s.Limits(ctx, m, d); err != nil {
		return section.Plan{}, err
	}
	is := map[string]Value{}
	var plan section.Plan
	var hindered error
	checkpoint := s.newCheckpoint()
	for _, p := range s.Places(m) {
		v, err := p.Read(ctx, m)
		if err != nil {
			return section.Plan{}, annotate(err, "read %s", p.Key())
		}
		is[p.Key()] = v
		want := p.Want(d, v)
		if Same(v, want) {
			continue
		}
		checkpoint.Places[p.Key()] = v
		plan.Changes = append(plan.Changes, p.Tell(v, want))
		if g, ok := p.(Guarded); ok {
			hindered = errors.Join(hindered, g.Free())
		}
	}
	if hindered != nil {
		return section.Plan{}, hindered
	}
	if s.Verify != nil {
		if err := s.Verify(ctx, m, d); err != nil {
			return section.Plan{}, err
		}
	}
	actual, err := s.Actual(ctx, m, is)
	if err != nil {
		return section.Plan{}, err
	}
	if plan.Actual, err = json.Marshal(actual); err != nil {
		return section.Plan{}, err
	}
	if len(plan.Changes) > 0 {
		plan.Checkpoint, err = json.Marshal(checkpoint)
	}
	return plan, err
}

// Apply implements section.Section. It is refused as busy when a place holds
// neither what the plan saw nor what is desired: someone else is at work.
func (s Section[D]) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	d, err := s.decode(desired)
	if err != nil {
		return err
	}
	planned := s.newCheckpoint()
	if len(plan.Checkpoint) > 0 {
		if planned, err = s.decodeCheckpoint(plan.Checkpoint); err != nil {
			return err
		}
	}
	var todo []Place[D]
	is, want := map[string]Value{}, map[string]Value{}
	for _, p := range s.Places(m) {
		key := p.Key()
		if is[key], err = p.Read(ctx, m); err != nil {
			return annotate(err, "read %s", key)
		}
		want[key] = p.Want(d, is[key])
		if Same(is[key], want[key]) {
			continue
		}
		if before, ok := planned.Places[key]; !ok || !Same(is[key], before) {
			return section.Errorf(section.Busy, s.Name, "%s was changed by someone else after the plan was made", key)
		}
		todo = append(todo, p)
	}
	if len(todo) == 0 {
		return nil
	}
	if err := s.Check(ctx, m, want); err != nil {
		return err
	}
	var changed []string
	for _, p := range todo {
		key := p.Key()
		section.Progress(ctx, p.Tell(is[key], want[key]).Summary, -1)
		if err := p.Set(ctx, m, is[key], want[key], false); err != nil {
			return annotate(err, "set %s", key)
		}
		changed = append(changed, key)
	}
	return s.Settle(ctx, m, changed)
}

// Restore implements section.Section. It goes on past a place that cannot be
// brought back, so that as much as possible is. The system reads them anew even
// if they are right: a restore before this one may have been cut short between
// writing and that.
func (s Section[D]) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	checkpoint, err := s.decodeCheckpoint(raw)
	if err != nil {
		return err
	}
	var failed error
	var known []string
	for _, p := range s.Places(m) {
		key := p.Key()
		before, ok := checkpoint.Places[key]
		if !ok {
			continue
		}
		known = append(known, key)
		is, err := p.Read(ctx, m)
		if err == nil && !Same(is, before) {
			err = p.Set(ctx, m, is, before, true)
		}
		if err != nil {
			failed = errors.Join(failed, annotate(err, "bring back %s", key))
		}
	}
	if len(known) > 0 {
		failed = errors.Join(failed, s.Settle(ctx, m, known))
	}
	if failed == nil && len(known) < len(checkpoint.Places) {
		failed = fmt.Errorf("the checkpoint has %d places, of which this version of guestd knows %d", len(checkpoint.Places), len(known))
	}
	return failed
}

// decode reads and judges the desired value.
func (s Section[D]) decode(desired json.RawMessage) (D, error) {
	var d D
	err := state.DecodeSection(s.Name, desired, &d)
	if err == nil {
		err = s.Validate(d)
	}
	var invalid *state.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		first := invalid.Problems[0]
		return d, section.Errorf(section.Invalid, first.Path, "%s", first.Message)
	}
	return d, err
}

// Same says whether two places hold the same.
func Same(a, b Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return *a == *b
}

// Text is a value's text, empty if it is not there.
func Text(v Value) string {
	if v == nil {
		return ""
	}
	return *v
}

// Some is a value with this text, or none for an empty one.
func Some(s string) Value {
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
