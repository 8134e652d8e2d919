package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"innkeeper/agent/guardian"
	"innkeeper/agent/journal"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// grace is how long a transaction that has begun may go on when the daemon is
// told to end. Windows gives a service about 20 s, systemd 90.
const grace = 15 * time.Second

// outcome is what an attempt at a section came to.
type outcome struct {
	status  state.Status
	message string
	actual  json.RawMessage
	changes []string
	// again says that it failed and is to be tried again later.
	again bool
	// err is what failed, nil if nothing did.
	err error
}

// transaction is one attempt to make one section true:
//
//	plan -> nothing to change: in sync, and nothing was written
//	plan -> journal -> apply -> plan again, which must find nothing to change
//	     -> confirm, if it can cut the machine off -> in sync
//	     or restore the checkpoint of the plan: rolled back
//
// The journal's record is there from before the first change until the change
// is whole or undone.
type transaction struct {
	caller   plugin.Caller
	program  plugin.Program
	section  string
	revision uint64
	desired  json.RawMessage
	// turn is held by the one transaction of the guest that changes something.
	turn chan struct{}
	// book is where the checkpoint is kept while the machine is changed; left
	// is called when it has to stay there, as it could not be restored.
	book *journal.Journal
	left func(journal.Record)
	now  func() time.Time
	// guard and confirm are for changes that can cut the machine off, if it
	// was reachable before, which is known when awaitLine has returned;
	// window is the time to confirm.
	guard     Guard
	confirm   func(ctx context.Context) error
	awaitLine func(ctx context.Context) error
	reachable func() bool
	window    time.Duration
	// withhold has this revision not tried again, across restarts too.
	withhold func(why string)
	// driftOnly has the machine left as it is, and what would change reported
	// as drift.
	driftOnly bool
	// applying is called when the machine is about to be changed, awaiting
	// when the change is made and waits to be confirmed.
	applying func(changes []string)
	awaiting func()

	armed Armed // nil for a change that is not confirmed
}

func (t *transaction) run(ctx context.Context) outcome {
	plan, err := t.plan(ctx)
	if err != nil {
		return failure(err)
	}
	if len(plan.Changes) == 0 {
		return outcome{status: state.InSync, actual: plan.Actual}
	}
	if t.driftOnly {
		return outcome{status: state.Drifted, actual: plan.Actual, message: "others have changed it, and it is only reported: to go back would be to " + strings.Join(summaries(plan.Changes), "; ")}
	}
	if t.canConfirm() {
		if err := t.awaitLine(ctx); err != nil {
			return failure(err)
		}
	}
	select {
	case t.turn <- struct{}{}:
	default:
		// Another section is being changed. When it is done, what this plan
		// was made on may not be so any more.
		select {
		case t.turn <- struct{}{}:
		case <-ctx.Done():
			return failure(context.Cause(ctx))
		}
		if plan, err = t.plan(ctx); err != nil || len(plan.Changes) == 0 {
			<-t.turn
			if err != nil {
				return failure(err)
			}
			return outcome{status: state.InSync, actual: plan.Actual}
		}
	}
	defer func() { <-t.turn }()
	begun, cancel := outlive(ctx)
	defer cancel()
	return t.change(begun, plan)
}

// change applies a plan that has changes, and verifies or undoes it.
func (t *transaction) change(ctx context.Context, plan section.Plan) outcome {
	changes := summaries(plan.Changes)
	if err := t.book.Begin(t.record(plan)); err != nil {
		return failure(err)
	}
	if t.mustConfirm() {
		if err := t.arm(ctx, plan); err != nil {
			return failure(errors.Join(err, t.book.End(t.section)))
		}
	}
	t.applying(changes)
	_, err := t.call(ctx, section.OpApply, &plan)
	if err != nil {
		var stuck *plugin.StuckError
		if errors.As(err, &stuck) {
			// It still works on the machine: undo nothing under it. The record
			// has it undone before the next try.
			t.left(t.record(plan))
			if t.armed != nil {
				err = errors.Join(err, t.armed.Disarm(ctx, t.undone))
			}
			return failure(err)
		}
		return t.undo(ctx, plan, err)
	}
	if t.armed != nil {
		if err := t.armed.Renew(ctx, allowance(t.program)); err != nil {
			return t.undo(ctx, plan, err)
		}
	}
	after, err := t.plan(ctx)
	if err != nil {
		return t.undo(ctx, plan, fmt.Errorf("the change could not be verified: %w", err))
	}
	if len(after.Changes) > 0 {
		return t.undo(ctx, plan, fmt.Errorf("the change was made and yet there is still to do: %s", after.Changes[0].Summary))
	}
	if t.armed != nil {
		if err := t.proveReachable(ctx); err != nil {
			if ctx.Err() != nil {
				return t.entrust(plan, err)
			}
			return t.undo(ctx, plan, err)
		}
	}
	o := outcome{status: state.InSync, actual: after.Actual, changes: changes}
	if err := t.book.End(t.section); err != nil {
		// The next start would undo what is whole.
		o.message = err.Error()
	}
	return o
}

// entrust leaves a change to the guardian, as the daemon ends and can neither
// wait for its confirmation nor undo it: begun and cut off, the undoing would
// take the order from the one who can.
func (t *transaction) entrust(plan section.Plan, why error) outcome {
	t.left(t.record(plan))
	o := failure(why)
	o.message += "; the guardian undoes it"
	return o
}

func (t *transaction) record(plan section.Plan) journal.Record {
	return journal.Record{
		Section: t.section, Revision: t.revision, Program: t.program,
		Checkpoint: plan.Checkpoint, Begun: t.now(),
	}
}

// undo brings back what the plan's checkpoint holds.
func (t *transaction) undo(ctx context.Context, plan section.Plan, why error) outcome {
	if unconfirmed(why) {
		t.withhold(why.Error())
	}
	err := t.restore(ctx, plan, why)
	if err == nil {
		err = t.book.End(t.section)
	}
	if err != nil {
		t.left(t.record(plan))
		o := failure(fmt.Errorf("%w; and what was before could not be restored: %w", why, err))
		o.status = state.Failed
		return o
	}
	o := failure(why)
	o.status, o.actual = state.RolledBack, plan.Actual
	if unconfirmed(why) {
		o.again = false
	}
	o.message += "; what was before is restored"
	return o
}

// restore brings back what was before, unless the guardian has.
func (t *transaction) restore(ctx context.Context, plan section.Plan, why error) error {
	var fired *guardian.FiredError
	if errors.As(why, &fired) {
		return fired.Err
	}
	if t.armed != nil {
		return t.armed.Fire(ctx)
	}
	_, err := t.call(ctx, section.OpRestore, &plan)
	return err
}

func (t *transaction) plan(ctx context.Context) (section.Plan, error) {
	var p section.Plan
	raw, err := t.call(ctx, section.OpPlan, nil)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("the %s plugin's plan is not of the protocol: %w", t.section, err)
	}
	for i, c := range p.Changes {
		if c.Summary == "" {
			return p, fmt.Errorf("the %s plugin's plan is not of the protocol: change %d has no summary", t.section, i)
		}
	}
	return p, nil
}

func (t *transaction) call(ctx context.Context, op section.Operation, plan *section.Plan) (json.RawMessage, error) {
	q := plugin.Request{Operation: op, Section: t.section, Revision: t.revision}
	if op != section.OpRestore {
		q.Desired = t.desired
	}
	if plan != nil {
		q.Checkpoint = plan.Checkpoint
	}
	if op == section.OpApply {
		q.Plan = plan
	}
	return t.caller.Call(ctx, t.program, q)
}

// failure tells an error as an outcome.
func failure(err error) outcome {
	o := outcome{status: state.Failed, message: err.Error(), again: true, err: err}
	var quarantined *plugin.QuarantinedError
	var unserved *plugin.UnservedError
	var own *section.Error
	switch {
	case errors.As(err, &quarantined):
		o.again = false
	case errors.As(err, &unserved):
		o.status, o.again = state.Unsupported, false
	case errors.As(err, &own) && own.Code == section.Unsupported:
		o.status, o.again = state.Unsupported, false
	case errors.As(err, &own) && own.Code == section.Invalid:
		o.again = false
	}
	return o
}

// outlive is a context that ends a while after ctx does: what has begun to
// change the machine is let to come to an end.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	long, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(long, func() { timer.Stop() })
	})
	return long, func() { stop(); cancel(context.Canceled) }
}

func summaries(changes []section.Change) []string {
	lines := make([]string, 0, len(changes))
	for _, c := range changes {
		lines = append(lines, c.Summary)
	}
	return lines
}
