package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"

	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// Plan says what a document would change if it were in force now; nothing is
// touched and nothing remembered. The error says only that ctx ended.
func (r *Reconciler) Plan(ctx context.Context, d state.Desired) (state.Plan, error) {
	p := state.Plan{Guest: r.o.Guest}
	if err := d.Validate(); err != nil {
		var invalid *state.InvalidError
		if errors.As(err, &invalid) {
			p.Refused = invalid.Reasons()
		} else {
			p.Refused = []string{err.Error()}
		}
		return p, nil
	}
	p.Sections = make(map[string]state.PlannedSection, len(d.Sections))
	for _, name := range slices.Sorted(maps.Keys(d.Sections)) {
		p.Sections[name] = r.planSection(ctx, name, d)
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
	}
	return p, nil
}

func (r *Reconciler) planSection(ctx context.Context, name string, d state.Desired) state.PlannedSection {
	program, err := r.o.Catalogue.Find(ctx, name)
	if err != nil {
		return state.PlannedSection{Error: err.Error()}
	}
	t := &transaction{caller: r.o.Caller, program: program, section: name, revision: d.Revision, desired: d.Sections[name]}
	plan, err := t.plan(ctx)
	if err != nil {
		return state.PlannedSection{Error: err.Error()}
	}
	return state.PlannedSection{Actual: plan.Actual, Changes: planned(plan.Changes)}
}

func planned(changes []section.Change) []state.PlannedChange {
	var list []state.PlannedChange
	for _, c := range changes {
		list = append(list, state.PlannedChange{Summary: c.Summary, Path: c.Path, Diff: c.Diff, Command: c.Command})
	}
	return list
}
