package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"innkeeper/agent/guardian"
	"innkeeper/agent/journal"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// recover undoes the changes that an earlier daemon could not end: it crashed,
// was killed, or the machine lost its power. Neither the platform nor any
// other section is needed for it.
func (r *Reconciler) recover(ctx context.Context) {
	restored := map[string]uint64{} // the revisions that were undone, by section
	if r.o.Guard != nil {
		err := r.o.Guard.Settle(ctx, func(o guardian.Outcome) {
			r.withhold(o.Section, o.Revision, o.Reason)
			r.undone(o.Section, o.Revision, o.Reason, o.Err)
			if o.Err == nil {
				restored[o.Section] = o.Revision
			}
		})
		if err != nil {
			r.note("a rollback could not be settled: %v", err)
		}
	}
	open, notes := r.book.Open()
	for _, n := range notes {
		r.note("%s", n)
	}
	for _, name := range slices.Sorted(maps.Keys(open)) {
		record := open[name]
		if revision, done := restored[name]; done && revision == record.Revision {
			if err := r.book.End(name); err != nil {
				r.leave(record)
				r.note("section %s: %v", name, err)
			}
			continue
		}
		err := r.restore(ctx, record)
		r.undone(name, record.Revision, "the change was cut short", err)
	}
}

// restore undoes a change that has a record, and ends the record. If it fails,
// the section's keeper tries again before it does anything else.
func (r *Reconciler) restore(ctx context.Context, record journal.Record) error {
	_, err := r.o.Caller.Call(ctx, record.Program, plugin.Request{
		Operation: section.OpRestore, Section: record.Section, Revision: record.Revision, Checkpoint: record.Checkpoint,
	})
	if err == nil {
		err = r.book.End(record.Section)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.left[record.Section] = record
		return err
	}
	delete(r.left, record.Section)
	return nil
}

// leave notes a change that could not be undone, or that is still being made.
func (r *Reconciler) leave(record journal.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left[record.Section] = record
}

// unfinished is the section's change that could not be undone yet.
func (r *Reconciler) unfinished(name string) (journal.Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record, there := r.left[name]
	return record, there
}

// undone makes known that a change was undone, or could not be.
func (r *Reconciler) undone(name string, revision uint64, why string, err error) {
	status, said := state.RolledBack, fmt.Sprintf("revision %d: %s; what was before is restored", revision, why)
	if err != nil {
		status, said = state.Failed, fmt.Sprintf("revision %d: %s; and what was before could not be restored: %v", revision, why, err)
	}
	r.note("section %s, %s", name, said)
	r.mu.Lock()
	k := r.keepers[name]
	r.mu.Unlock()
	if k != nil {
		k.begin(status, revision, said)
	}
}

// note tells the platform and the log something about the daemon itself.
func (r *Reconciler) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	r.o.Log.Warn(n)
	r.mu.Lock()
	r.notes = append(r.notes, n)
	r.mu.Unlock()
	r.changed()
}

// withhold keeps the section from trying a revision again that cut the machine
// off, across restarts too. It is called before it is forgotten elsewhere that
// the revision was undone, by the section's keeper or before that runs.
func (r *Reconciler) withhold(name string, revision uint64, why string) {
	m := mark{Revision: revision, Message: why}
	r.mu.Lock()
	k := r.keepers[name]
	r.mu.Unlock()
	if k != nil {
		k.withheld = m
	}
	if err := r.marks.put(withheld, name, m); err != nil {
		r.note("that revision %d of section %s is not to be tried again could not be kept: %v", revision, name, err)
	}
}
