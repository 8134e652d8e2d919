// Package network is the section "network" of the desired document. Each
// system keeps its network configuration in files and tools of its own; on the
// Linux ones the section is the same over these, a configuration: which files
// say it, who judges them, what brings them into force. What is then true is
// read from the kernel.
package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// name is the section's name.
const name = "network"

// configuration is how a Linux system keeps its network configuration. A value
// lives for one operation.
type configuration interface {
	// draft says what the files should hold for t. What the system cannot
	// express is an Unsupported error with the field's path.
	draft(ctx context.Context, m guest.Machine, t target) ([]file, error)
	// check has the system's own parser judge the files before any is in place.
	check(ctx context.Context, m guest.Machine, files []file) error
	// remember is what revert needs to know of the time before, beyond the files.
	remember(ctx context.Context, m guest.Machine, t target) (map[string]string, error)
	// activation are the commands that bring the files into force.
	activation(t target, files []file) []step
	// revert brings files that were put back into force.
	revert(ctx context.Context, m guest.Machine, c checkpoint) error
	// servers is where the system looks names up, as far as t manages that.
	servers(ctx context.Context, m guest.Machine, t target) (state.DNS, error)
}

// Section is the section on one Linux system.
type Section struct {
	configuration func(ctx context.Context, m guest.Machine) (configuration, error)
}

var _ section.Section = Section{}

// Bounds of an operation in seconds: what brings a configuration into force
// waits for DHCP and, under emulation, for interpreters.
const deadlineSeconds = 180

// settle is how long a configuration may take to come into force after the
// commands for it have ended. A DHCP client that heard no answer asks again
// after 4 and 8 seconds (RFC 2131 section 4.1).
const settle = 30 * time.Second

// Describe implements section.Section.
func (Section) Describe() section.Description { return describe() }

func describe() section.Description {
	schema, err := state.Schema(name)
	if err != nil { // embedded, so it is there
		panic(err)
	}
	return section.Description{
		Sections: []string{name}, Schema: schema, MayCutOff: true,
		// System V's scripts start DHCP clients that stay.
		StartsServices: true, DeadlineSeconds: deadlineSeconds,
	}
}

// Plan implements section.Section.
func (s Section) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	p, err := s.prepare(ctx, m, desired)
	if err != nil {
		return section.Plan{}, err
	}
	is, err := p.look(ctx, m)
	if err != nil {
		return section.Plan{}, err
	}
	plan := section.Plan{}
	if plan.Actual, err = json.Marshal(p.target.actual(is)); err != nil {
		return section.Plan{}, err
	}
	changed := changedFiles(p.files)
	wrong := p.target.deviations(is)
	if len(changed) == 0 && len(wrong) == 0 {
		return plan, nil
	}
	if len(changed) > 0 { // what is in place was judged when it was written
		if err := p.check(ctx, m, p.files); err != nil {
			return section.Plan{}, section.Errorf(section.Invalid, name, "%v", err)
		}
	}
	plan.Changes = tell(changed, wrong, p.activation(p.target, p.files))
	plan.Checkpoint, err = p.checkpoint(ctx, m, is)
	return plan, err
}

// Apply implements section.Section. It is refused as busy when a file holds
// neither what the plan saw nor what is desired: someone else is at work.
func (s Section) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	p, err := s.prepare(ctx, m, desired)
	if err != nil {
		return err
	}
	if len(plan.Checkpoint) > 0 {
		before, err := decodeCheckpoint(plan.Checkpoint)
		if err != nil {
			return err
		}
		if err := before.holds(p.files); err != nil {
			return err
		}
	}
	for _, f := range changedFiles(p.files) {
		section.Progress(ctx, f.summary, -1)
		if err := places.WriteFileMode(m, f.path, f.want, f.mode); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	for _, s := range p.activation(p.target, p.files) {
		section.Progress(ctx, s.String(), -1)
		if err := run(ctx, m, s.Command); err != nil && !s.mayFail {
			return err
		}
	}
	return p.arrive(ctx, m)
}

// Restore implements section.Section. It goes on past what cannot be brought
// back, so that as much as possible is.
func (s Section) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	c, err := decodeCheckpoint(raw)
	if err != nil {
		return err
	}
	touched, failed := c.putBack(m)
	is, err := iproute.Read(ctx, m)
	if err == nil && !touched && failed == nil && len(c.missing(is)) == 0 {
		return nil // nothing had been changed, or all is back already
	}
	configuration, err := s.configuration(ctx, m)
	if err != nil {
		return errors.Join(failed, err)
	}
	failed = errors.Join(failed, configuration.revert(ctx, m, c))
	return errors.Join(failed, c.arrive(ctx, m))
}

// prepared is a desired value matched with the machine.
type prepared struct {
	configuration
	target target
	files  []file
}

func (s Section) prepare(ctx context.Context, m guest.Machine, desired json.RawMessage) (prepared, error) {
	n, err := decode(desired)
	if err != nil {
		return prepared{}, err
	}
	is, err := iproute.Read(ctx, m)
	if err != nil {
		return prepared{}, err
	}
	t, err := resolve(n, is)
	if err != nil {
		return prepared{}, err
	}
	c, err := s.configuration(ctx, m)
	if err != nil {
		return prepared{}, err
	}
	files, err := c.draft(ctx, m, t)
	return prepared{c, t, files}, err
}

// look reads what is true at the moment.
func (p prepared) look(ctx context.Context, m guest.Machine) (live, error) {
	is, err := iproute.Read(ctx, m)
	if err != nil {
		return live{}, err
	}
	dns, err := p.servers(ctx, m, p.target)
	return live{is, dns}, err
}

// arrive waits until all is as desired.
func (p prepared) arrive(ctx context.Context, m guest.Machine) error {
	return wait(ctx, settle, func() (string, error) {
		is, err := p.look(ctx, m)
		if err != nil {
			return "", err
		}
		return first(append(p.target.deviations(is), p.target.unleased(is)...)), nil
	})
}

// decode reads and judges the desired value.
func decode(desired json.RawMessage) (state.Network, error) {
	var n state.Network
	err := state.DecodeSection(name, desired, &n)
	if err == nil {
		err = n.Validate()
	}
	var invalid *state.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		first := invalid.Problems[0]
		return n, section.Errorf(section.Invalid, first.Path, "%s", first.Message)
	}
	return n, err
}

// step is a command that brings a configuration into force.
type step struct {
	guest.Command
	// mayFail says that a failure is no news: what it takes down may be down.
	mayFail bool
}

func must(c guest.Command) step { return step{Command: c} }
func may(c guest.Command) step  { return step{Command: c, mayFail: true} }

func run(ctx context.Context, m guest.Machine, c guest.Command) error {
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	return guest.Check(c, r)
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}
