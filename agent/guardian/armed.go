package guardian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"innkeeper/agent/guest/detached"
)

// Armed is an order that a guardian waits with. It is brought to its end by
// one of Disarm and Fire, by one goroutine.
type Armed struct {
	g       *Guardian
	id      string
	order   Order
	bells   *bells
	process *detached.Process
}

// FiredError says that an order could not be disarmed, as it has fired: what
// was before the change is back.
type FiredError struct {
	Section  string
	Revision uint64
	Reason   string
	// Err is nil if what was before is restored.
	Err error
}

// Error implements error.
func (e *FiredError) Error() string {
	s := fmt.Sprintf("the guardian undid revision %d of section %q: %s", e.Revision, e.Section, e.Reason)
	if e.Err != nil {
		s += "; and what was before could not be restored: " + e.Err.Error()
	}
	return s
}

// Unwrap is what the restore failed with.
func (e *FiredError) Unwrap() error { return e.Err }

// Renew moves the deadline to window from now. It is called when the change is
// made, so that the whole window is there for the confirmation, however long
// the change took.
func (a *Armed) Renew(_ context.Context, window time.Duration) error {
	now := a.g.o.Clock.Now()
	raw, err := deadline{Boot: now.Boot, Until: now.Up + window}.encode()
	if err == nil {
		err = a.g.files.put(a.id, until, raw)
	}
	if err != nil {
		return fmt.Errorf("move the deadline of the rollback of section %q: %w", a.order.Section, err)
	}
	a.bells.ring()
	return nil
}

// Disarm withdraws the order and waits for the end of the guardian's process.
// The error is a *FiredError if the guardian was first; what was before is
// then restored, and told called with it before it leaves the disk, as by
// Guardian.Settle. When it returns nil, the order is gone from the disk and
// will not be found after a power cut.
func (a *Armed) Disarm(ctx context.Context, told func(Outcome)) error {
	err := a.g.files.claim(a.id, armed, disarmed)
	if errors.Is(err, fs.ErrNotExist) {
		return a.fired(ctx, told)
	}
	if err != nil {
		return fmt.Errorf("disarm the rollback of section %q: %w", a.order.Section, err)
	}
	return a.dismiss(ctx)
}

// Fire restores what was before, now, and returns when that is done: nil if
// it is restored, by this call or by the guardian before it.
func (a *Armed) Fire(ctx context.Context) error {
	err := a.g.files.claim(a.id, armed, firing)
	if errors.Is(err, fs.ErrNotExist) {
		err = a.fired(ctx, func(Outcome) {})
		var fired *FiredError
		if errors.As(err, &fired) {
			return fired.Err
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("fire the rollback of section %q: %w", a.order.Section, err)
	}
	// The order stays on the disk until it is carried out: if this process
	// dies, the next one settles it.
	if err := restore(ctx, a.g.o.Caller, a.order); err != nil {
		return errors.Join(err, a.dismiss(ctx))
	}
	return a.dismiss(ctx)
}

// fired waits for the guardian that was first and takes its outcome over.
func (a *Armed) fired(ctx context.Context, told func(Outcome)) error {
	if err := a.bells.ended(ctx); err != nil {
		return fmt.Errorf("wait for the guardian to restore section %q: %w", a.order.Section, err)
	}
	e := &FiredError{Section: a.order.Section, Revision: a.order.Revision}
	o, err := a.g.files.outcome(a.id)
	if err != nil {
		// It died at it, or could not write what came of it.
		e.Reason = "the guardian ended without telling what came of it"
		e.Err = restore(ctx, a.g.o.Caller, a.order)
	} else {
		e.Reason, e.Err = o.Reason, o.Err
	}
	told(Outcome(*e))
	if err := a.dismiss(ctx); err != nil {
		a.g.o.Log.Warn("a rollback that has fired leaves something behind", "section", a.order.Section, "error", err)
	}
	return e
}

// dismiss removes the order and sees the guardian end.
func (a *Armed) dismiss(ctx context.Context) error {
	err := a.g.files.clear(a.id)
	a.bells.ring()
	if end := a.bells.ended(ctx); end != nil {
		err = errors.Join(err, fmt.Errorf("the guardian of section %q does not end: %w", a.order.Section, end))
	}
	a.bells.close()
	a.bells.remove()
	a.process.Release()
	return err
}
