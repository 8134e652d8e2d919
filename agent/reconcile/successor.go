package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Successor is nil if another guestd, an executable that lies here, reads every
// section of the accepted document that this one reads: its plugins are asked
// for the plan that this one's give, and nothing is touched. Plugins of the
// directory are the same for both.
func (r *Reconciler) Successor(ctx context.Context, executable string) error {
	r.mu.Lock()
	accepted := r.accepted
	r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(accepted.Sections)) {
		own, err := r.o.Catalogue.Find(ctx, name)
		if err != nil || !own.Builtin {
			continue
		}
		t := &transaction{caller: r.o.Caller, program: own, section: name, revision: accepted.Revision, desired: accepted.Sections[name]}
		theirs := *t
		theirs.program.Path = executable
		if _, err := theirs.plan(ctx); err == nil {
			continue
		}
		// What neither can read is no fault of the other's, nor is what comes
		// and goes.
		if _, err := t.plan(ctx); err != nil {
			continue
		}
		if _, err := theirs.plan(ctx); err != nil {
			return fmt.Errorf("it does not read the section %q, which this guestd reads: %w", name, err)
		}
	}
	return context.Cause(ctx)
}
