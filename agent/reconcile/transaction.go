package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
//	plan -> apply -> plan again, which must find nothing to change: in sync
//	                 or restore the checkpoint of the plan: rolled back
type transaction struct {
	caller   plugin.Caller
	program  plugin.Program
	section  string
	revision uint64
	desired  json.RawMessage
	// turn is held by the one transaction of the guest that changes something.
	turn chan struct{}
	// applying is called when the machine is about to be changed.
	applying func(changes []string)
}

func (t *transaction) run(ctx context.Context) outcome {
	plan, err := t.plan(ctx)
	if err != nil {
		return failure(err)
	}
	if len(plan.Changes) == 0 {
		return outcome{status: state.InSync, actual: plan.Actual}
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
	t.applying(changes)
	_, err := t.call(ctx, section.OpApply, &plan)
	if err != nil {
		var stuck *plugin.StuckError
		if errors.As(err, &stuck) {
			return failure(err) // it still works on the machine: undo nothing under it
		}
		return t.undo(ctx, plan, err)
	}
	after, err := t.plan(ctx)
	if err != nil {
		return t.undo(ctx, plan, fmt.Errorf("the change could not be verified: %w", err))
	}
	if len(after.Changes) > 0 {
		return t.undo(ctx, plan, fmt.Errorf("the change was made and yet there is still to do: %s", after.Changes[0].Summary))
	}
	return outcome{status: state.InSync, actual: after.Actual, changes: changes}
}

// undo brings back what the plan's checkpoint holds.
func (t *transaction) undo(ctx context.Context, plan section.Plan, why error) outcome {
	if _, err := t.call(ctx, section.OpRestore, &plan); err != nil {
		o := failure(fmt.Errorf("%w; and what was before could not be restored: %w", why, err))
		o.status = state.Failed
		return o
	}
	o := failure(why)
	o.status, o.actual = state.RolledBack, plan.Actual
	o.message += "; what was before is restored"
	return o
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
