// Package packages is the section "packages" of the desired document: which
// packages a machine has and where they come from, system by system.
package packages

import (
	"context"
	"encoding/json"
	"errors"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Section is the section on one system.
type Section struct {
	// on makes the backend for one operation. A restore has no desired value.
	on func(d state.Packages) places.Backend[state.Packages]
}

var _ section.Section = Section{}

const name = "packages"

// deadlineSeconds is how long a package manager may work before it is reported
// as stuck. It is left to end.
const deadlineSeconds = 45 * 60

// memoryMiB is what a package manager may need beside its script's own needs.
const memoryMiB = 1024

// Describe implements section.Section.
func (s Section) Describe() section.Description {
	d := s.over(state.Packages{}).Describe()
	d.Unkillable = []section.Operation{section.OpApply, section.OpRestore}
	d.DeadlineSeconds, d.MemoryMiB = deadlineSeconds, memoryMiB
	// The scripts of packages start their services.
	d.StartsServices = true
	return d
}

// Plan implements section.Section.
func (s Section) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	d, err := decode(desired)
	if err != nil {
		return section.Plan{}, err
	}
	return s.over(d).Plan(ctx, m, desired)
}

// Apply implements section.Section.
func (s Section) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	d, err := decode(desired)
	if err != nil {
		return err
	}
	return s.over(d).Apply(ctx, m, desired, plan)
}

// Restore implements section.Section.
func (s Section) Restore(ctx context.Context, m guest.Machine, checkpoint json.RawMessage) error {
	return s.over(state.Packages{}).Restore(ctx, m, checkpoint)
}

func (s Section) over(d state.Packages) places.Section[state.Packages] {
	return places.Section[state.Packages]{
		Name: name, Backend: s.on(d), Validate: state.Packages.Validate, After: []string{"network", "time"},
	}
}

func decode(desired json.RawMessage) (state.Packages, error) {
	var d state.Packages
	err := state.DecodeSection(name, desired, &d)
	var invalid *state.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		return d, section.Errorf(section.Invalid, invalid.Problems[0].Path, "%s", invalid.Problems[0].Message)
	}
	return d, err
}

// actual is what is reported of a machine.
type actual struct {
	state.Packages
	// RebootPending says that a package asked for a restart of the machine.
	RebootPending bool `json:"reboot_pending,omitempty"`
}

func unsupported(path, format string, args ...any) error {
	return section.Errorf(section.Unsupported, path, format, args...)
}

func notRemovedWithout(gone, other string) error {
	return section.Errorf(section.Failed, "packages.wanted."+gone,
		"cannot be removed without %s, which is not chosen to be absent; nothing was removed", other)
}
