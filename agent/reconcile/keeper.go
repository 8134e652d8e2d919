package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
)

// keeper keeps one section true. Each has a goroutine of its own, so that one
// that hangs or has to wait delays no other.
type keeper struct {
	r    *Reconciler
	name string
	wake chan struct{} // of capacity 1: the target may have changed
	// quarantine is used by run alone.
	quarantine plugin.Quarantine

	mu     sync.Mutex
	target target
	now    state.Section

	// What only run's goroutine touches, and what recovers before it runs.
	withheld mark
	reached  string // checksum of the desired value that was last in sync
}

// target is what the accepted document wants of the section.
type target struct {
	managed  bool
	revision uint64
	desired  json.RawMessage
	window   time.Duration // to confirm a change that can cut the machine off
	onDrift  state.DriftPolicy
}

func newKeeper(r *Reconciler, name string) *keeper {
	return &keeper{r: r, name: name, wake: make(chan struct{}, 1)}
}

// aim gives the keeper a new target and wakes it.
func (k *keeper) aim(t target) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := t.managed && !k.target.managed
	k.target = t
	if fresh {
		k.now = state.Section{Status: state.Applying, Revision: t.revision, Message: "not looked at yet", Time: k.r.o.Clock.Now().UTC()}
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// status is how the section stands, false if it is not managed.
func (k *keeper) status() (state.Section, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now, k.target.managed
}

// aimedAt is the target; to be woken for it is no longer needed.
func (k *keeper) aimedAt() target {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.wake:
	default:
	}
	return k.target
}

// begin sets how the section stands before the keeper runs.
func (k *keeper) begin(status state.Status, revision uint64, message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = state.Section{Status: status, Revision: revision, Message: message, Time: k.r.o.Clock.Now().UTC()}
}

// run works until ctx ends.
func (k *keeper) run(ctx context.Context) {
	if k.withheld == (mark{}) {
		k.withheld = k.r.marks.get(withheld, k.name)
	}
	k.reached = k.r.marks.get(reached, k.name).Value
	var done target // what the last attempt was for
	var backoff plugin.Backoff
	for {
		t := k.aimedAt()
		wait := time.Duration(-1) // until woken
		if t.managed {
			wait = k.attempt(ctx, done, t, &backoff)
		}
		done = t
		if !k.await(ctx, wait) {
			return
		}
	}
}

// await is true when there may be something to do, false when ctx ended.
func (k *keeper) await(ctx context.Context, wait time.Duration) bool {
	var passed <-chan time.Time
	if wait >= 0 {
		var stop func()
		passed, stop = k.r.o.Clock.After(wait)
		defer stop()
	}
	select {
	case <-ctx.Done():
		return false
	case <-k.wake:
	case <-passed:
	}
	return ctx.Err() == nil
}

// attempt looks at the section and puts it right, and says when to look again.
func (k *keeper) attempt(ctx context.Context, done, t target, backoff *plugin.Backoff) time.Duration {
	clock := k.r.o.Clock
	if !bytes.Equal(done.desired, t.desired) || !done.managed {
		backoff.Reset()
	}
	if left := backoff.Next().Sub(clock.Now()); left > 0 {
		// A new revision that wants the same of a section that cannot have it.
		k.carry(t)
		return left
	}
	o := k.try(ctx, t)
	if ctx.Err() != nil && o.again {
		return 0 // cut short by the daemon's end: no fault of the section's
	}
	k.remember(t, o)
	wait := k.r.drift()
	if o.again {
		next := backoff.Fail(clock.Now())
		wait = next.Sub(clock.Now())
		o.message += fmt.Sprintf("; failed %s, next try at %s", times(backoff.Failures), next.UTC().Format(time.RFC3339))
	} else {
		backoff.Reset()
	}
	k.settle(t, o)
	return wait
}

func (k *keeper) try(ctx context.Context, t target) outcome {
	if err := k.finish(ctx); err != nil {
		return failure(err)
	}
	if k.withheld.Revision == t.revision {
		return outcome{status: state.RolledBack, message: k.withheld.Message + "; it is not tried again before there is a new revision"}
	}
	program, err := k.r.o.Catalogue.Find(ctx, k.name)
	if err != nil {
		return failure(err)
	}
	if err := k.quarantine.Admit(program, t.revision); err != nil {
		return failure(err)
	}
	if err := k.dependencies(ctx, program.Description.After, t); err != nil {
		return failure(err)
	}
	x := &transaction{
		caller: k.r.o.Caller, program: program, section: k.name,
		revision: t.revision, desired: t.desired, turn: k.r.turn,
		book: k.r.book, left: k.r.leave, now: k.r.o.Clock.Now,
		guard: k.r.o.Guard, confirm: k.r.o.Confirm, awaitLine: k.r.awaitLine, reachable: k.r.reachable, window: t.window,
		withhold:  func(why string) { k.r.withhold(k.name, t.revision, why) },
		driftOnly: t.onDrift == state.ReportDrift && k.wasReached(t),
		awaiting: func() {
			k.r.o.Log.Info("a change waits to be confirmed", "section", k.name, "revision", t.revision, "window", t.window)
			k.settle(t, outcome{status: state.AwaitingConfirmation, message: fmt.Sprintf("undone unless the platform is reached within %s", t.window)})
		},
		applying: func(changes []string) {
			k.r.o.Log.Info("changing a section", "section", k.name, "revision", t.revision, "changes", changes)
			k.settle(t, outcome{status: state.Applying, changes: changes})
		},
	}
	o := x.run(ctx)
	k.quarantine.Ended(o.err)
	if o.status == state.InSync && len(o.changes) > 0 && k.wasReached(t) {
		o.message = "put right what others had changed"
	}
	return o
}

// wasReached says whether the machine has been as the target says before: what
// differs now is drift.
func (k *keeper) wasReached(t target) bool { return k.reached == checksum(t.desired) }

// remember keeps what the next attempt has to know of this one.
func (k *keeper) remember(t target, o outcome) {
	if o.status != state.InSync {
		return
	}
	k.reached = checksum(t.desired)
	if t.onDrift == state.ReportDrift {
		if err := k.r.marks.put(reached, k.name, mark{Value: k.reached}); err != nil {
			k.r.o.Log.Warn("after a restart, drift may be taken for a change that is still to be made", "section", k.name, "error", err)
		}
	}
}

// finish undoes what an earlier attempt left half made.
func (k *keeper) finish(ctx context.Context) error {
	record, there := k.r.unfinished(k.name)
	if !there {
		return nil
	}
	select {
	case k.r.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-k.r.turn }()
	begun, cancel := outlive(ctx)
	defer cancel()
	if err := k.r.restore(begun, record); err != nil {
		return fmt.Errorf("what revision %d left half made could not be undone, so nothing new is begun: %w", record.Revision, err)
	}
	return nil
}

// carry says that the new revision stands as the one before did.
func (k *keeper) carry(t target) {
	k.mu.Lock()
	moved := k.now.Revision != t.revision
	k.now.Revision = t.revision
	k.mu.Unlock()
	if moved {
		k.r.tellSettled()
		k.r.changed()
	}
}

// settle makes an outcome the section's status. What is as it was keeps its
// time, and on the same revision also what had been changed for it.
func (k *keeper) settle(t target, o outcome) {
	k.mu.Lock()
	before := k.now
	now := state.Section{
		Status: o.status, Revision: t.revision, Message: o.message,
		Actual: o.actual, Changes: o.changes, Time: k.r.o.Clock.Now().UTC(),
	}
	if now.Actual == nil {
		now.Actual = before.Actual
	}
	if now.Status == state.InSync && before.Status == state.InSync && now.Revision == before.Revision && len(now.Changes) == 0 {
		now.Changes = before.Changes
	}
	if same(now, before) {
		now.Time = before.Time
	}
	k.now = now
	k.mu.Unlock()
	k.r.tellSettled()
	if same(now, before) {
		return
	}
	k.r.changed()
	if o.status != state.Applying {
		k.r.o.Log.Info("section", "section", k.name, "revision", t.revision, "status", o.status, "message", o.message, "changes", o.changes)
	}
}

// same compares all but the time.
func same(a, b state.Section) bool {
	return a.Status == b.Status && a.Revision == b.Revision && a.Message == b.Message &&
		bytes.Equal(a.Actual, b.Actual) && slices.Equal(a.Changes, b.Changes)
}

// drift is the time to the next look at a section that is as it should be, a
// fifth more or less, so that many guests on a host do not look at once.
func (r *Reconciler) drift() time.Duration {
	d := r.o.DriftInterval
	return d*4/5 + rand.N(d*2/5+1)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
