// Package hostname is the section "hostname" of the desired document. A
// machine's name is kept in several places, other ones on each system; the
// section is the same everywhere over a list of these places. Unlike package places, whose
// values it has, it notes all of them in a checkpoint: setting one may set
// another.
package hostname

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// name is the section's name.
const name = "hostname"

// value is what one place holds, nil if it is not there.
type value = places.Value

// place is one of the places in which a machine keeps its name. A place lives
// for one operation: read is called first, and the others may use what it saw.
type place interface {
	// key names the place in a checkpoint; it must stay the same between versions.
	key() string
	read(ctx context.Context, m guest.Machine) (value, error)
	// want is what the place should hold, given what it does hold.
	want(h state.Hostname, is value) value
	// set makes the place hold a value. Undo says that an earlier state is
	// brought back, which nothing but impossibility may hinder.
	set(ctx context.Context, m guest.Machine, from, to value, undo bool) error
	// tell describes the change.
	tell(is, want value) section.Change
}

// guarded is a place that at times must not be changed.
type guarded interface {
	// free is nil if the place may be changed now.
	free() error
}

// Section is the section on one system.
type Section struct {
	// places are made afresh for each operation, in the order in which they
	// are set and brought back: what changes another place comes before it.
	places func() []place
	// limits says what of the contract this system cannot do.
	limits func(h state.Hostname) error
	// actual is the section's value as the places have it.
	actual func(is map[string]value) Actual
	// capabilities are words for the platform.
	capabilities []string
}

// Actual is what is reported of the machine: the desired value's shape, and
// what the system adds to it.
type Actual struct {
	state.Hostname
	// RebootPending says that the name is chosen and comes into force with the
	// next start.
	RebootPending bool `json:"reboot_pending,omitempty"`
}

var _ section.Section = Section{}

// Describe implements section.Section.
func (s Section) Describe() section.Description {
	schema, err := state.Schema(name)
	if err != nil { // embedded, so it is there
		panic(err)
	}
	return section.Description{Sections: []string{name}, Schema: schema, Capabilities: s.capabilities}
}

// Plan implements section.Section.
func (s Section) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	h, err := s.decode(desired)
	if err != nil {
		return section.Plan{}, err
	}
	is := map[string]value{}
	var changes []section.Change
	var hindered error
	checkpoint := newCheckpoint()
	for _, p := range s.places() {
		v, err := p.read(ctx, m)
		if err != nil {
			return section.Plan{}, annotate(err, "read %s", p.key())
		}
		is[p.key()] = v
		checkpoint.note(p.key(), v)
		want := p.want(h, v)
		if places.Same(v, want) {
			continue
		}
		changes = append(changes, p.tell(v, want))
		if g, ok := p.(guarded); ok {
			hindered = errors.Join(hindered, g.free())
		}
	}
	if hindered != nil {
		return section.Plan{}, hindered
	}
	plan := section.Plan{Changes: changes}
	if plan.Actual, err = json.Marshal(s.actual(is)); err != nil {
		return section.Plan{}, err
	}
	if len(changes) > 0 {
		plan.Checkpoint, err = checkpoint.encode()
	}
	return plan, err
}

// Apply implements section.Section. It is refused as busy when a place holds
// neither what the plan saw nor what is desired: someone else is at work.
func (s Section) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	h, err := s.decode(desired)
	if err != nil {
		return err
	}
	planned := newCheckpoint()
	if len(plan.Checkpoint) > 0 {
		if planned, err = decodeCheckpoint(plan.Checkpoint); err != nil {
			return err
		}
	}
	for _, p := range s.places() {
		is, err := p.read(ctx, m)
		if err != nil {
			return annotate(err, "read %s", p.key())
		}
		want := p.want(h, is)
		if places.Same(is, want) {
			continue
		}
		if before, ok := planned.at(p.key()); ok && !places.Same(is, before) {
			return section.Errorf(section.Busy, name, "%s was changed by someone else after the plan was made", p.key())
		}
		section.Progress(ctx, p.tell(is, want).Summary, -1)
		if err := p.set(ctx, m, is, want, false); err != nil {
			return annotate(err, "set %s", p.key())
		}
	}
	return nil
}

// Restore implements section.Section. It goes on past a place that cannot be
// brought back, so that as much as possible is.
func (s Section) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	checkpoint, err := decodeCheckpoint(raw)
	if err != nil {
		return err
	}
	known := 0
	var failed error
	for _, p := range s.places() {
		before, ok := checkpoint.at(p.key())
		if !ok {
			continue
		}
		known++
		is, err := p.read(ctx, m)
		if err == nil && !places.Same(is, before) {
			err = p.set(ctx, m, is, before, true)
		}
		if err != nil {
			failed = errors.Join(failed, annotate(err, "bring back %s", p.key()))
		}
	}
	if failed == nil && known < len(checkpoint.Places) {
		failed = fmt.Errorf("the checkpoint has %d places, of which this version of guestd knows %d", len(checkpoint.Places), known)
	}
	return failed
}

// decode reads and judges the desired value.
func (s Section) decode(desired json.RawMessage) (state.Hostname, error) {
	var h state.Hostname
	err := state.DecodeSection(name, desired, &h)
	if err == nil {
		err = h.Validate()
	}
	var invalid *state.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		first := invalid.Problems[0]
		return h, section.Errorf(section.Invalid, first.Path, "%s", first.Message)
	}
	if err == nil && s.limits != nil {
		err = s.limits(h)
	}
	return h, err
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
