package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"innkeeper/agent/guardian"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// Guard undoes a change from outside this process unless it is told not to in
// time; *guardian.Guardian is one, but for the type that Arm returns.
type Guard interface {
	// Arm returns once the order is on disk and somebody outside waits for its
	// deadline.
	Arm(ctx context.Context, o guardian.Order) (Armed, error)
	// Settle restores what is still armed; told is called with that, and with
	// what was restored while nobody looked, before it is forgotten.
	Settle(ctx context.Context, told func(guardian.Outcome)) error
}

// Armed is an order that somebody outside waits with; see guardian.Armed.
type Armed interface {
	Renew(ctx context.Context, window time.Duration) error
	Disarm(ctx context.Context, told func(guardian.Outcome)) error
	Fire(ctx context.Context) error
}

// mustConfirm says whether the change has to be confirmed over the network. Of
// a guest that could not be reached before, it is not demanded afterwards.
func (t *transaction) mustConfirm() bool { return t.canConfirm() && t.reachable() }

// canConfirm says whether the change is one to be confirmed, and can be.
func (t *transaction) canConfirm() bool {
	return t.program.Description.MayCutOff && t.guard != nil && t.confirm != nil
}

// allowance is what the guardian gives one call of the plugin, first to make
// the change and then to verify it: the call's own deadline, and what it takes
// to start and to end its process. The window begins when both are done.
func allowance(p plugin.Program) time.Duration {
	const (
		most   = 10 * time.Minute
		around = 15 * time.Second
	)
	d := time.Duration(p.Description.DeadlineSeconds) * time.Second
	if d == 0 {
		d = time.Minute // the supervisor's default
	}
	return min(d, most) + around
}

// arm has somebody outside undo the plan unless it is confirmed.
func (t *transaction) arm(ctx context.Context, plan section.Plan) error {
	armed, err := t.guard.Arm(ctx, guardian.Order{
		Section: t.section, Revision: t.revision, Program: t.program, Checkpoint: plan.Checkpoint,
		Window: allowance(t.program),
	})
	if err != nil {
		return fmt.Errorf("nothing is changed, as its rollback could not be armed: %w", err)
	}
	t.armed = armed
	return nil
}

// proveReachable returns nil once the platform was reached over the network as it
// is now, and nobody will undo the change any more. The error says why it is
// to be undone, or is a *guardian.FiredError if it was.
func (t *transaction) proveReachable(ctx context.Context) error {
	if err := t.armed.Renew(ctx, t.window); err != nil {
		return err
	}
	t.awaiting()
	within, cancel := context.WithTimeoutCause(ctx, t.window, fmt.Errorf("not within %s", t.window))
	defer cancel()
	if err := t.confirm(within); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("the daemon ended before the change was confirmed: %w", context.Cause(ctx))
		}
		return &unconfirmedError{err}
	}
	return t.armed.Disarm(ctx, t.undone)
}

// undone keeps in mind what the guardian was first to undo.
func (t *transaction) undone(o guardian.Outcome) {
	fired := guardian.FiredError(o)
	t.withhold(fired.Error())
}

// unconfirmedError says that the platform could not be reached after a change.
type unconfirmedError struct{ why error }

func (e *unconfirmedError) Error() string {
	return "the change was not confirmed: the platform cannot be reached any more: " + e.why.Error()
}
func (e *unconfirmedError) Unwrap() error { return e.why }

// unconfirmed says whether a change was undone for want of confirmation, which
// another try would not mend.
func unconfirmed(err error) bool {
	var late *unconfirmedError
	var fired *guardian.FiredError
	return errors.As(err, &late) || errors.As(err, &fired)
}
