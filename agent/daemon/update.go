package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// ErrUpdate is what Run returns when a new guestd is here and to be tried.
var ErrUpdate = errors.New("a new guestd is to be tried")

// restTime is how long an update waits for the sections to come to rest: what
// waits for its confirmation would be undone by the daemon's end.
const restTime = 15 * time.Minute

// Update implements link.Updater.
func (d *daemon) Update(ctx context.Context, id string, a wire.Update, fetch func(ctx context.Context, offset int64) ([]byte, error)) (start func(), err error) {
	switch {
	case d.o.Trial != nil:
		return nil, errors.New("this guestd is being tried itself; try again when it is confirmed")
	case d.o.Updater == nil:
		return nil, errors.New("this guestd cannot replace itself")
	}
	ready, err := d.o.Updater.Take(ctx, id, a, fetch)
	if err != nil || !ready {
		return nil, err
	}
	err = d.rest(ctx)
	if err == nil {
		err = d.Successor(ctx, d.o.Updater.New())
	}
	if err != nil {
		return nil, errors.Join(err, d.o.Updater.Drop())
	}
	return func() { d.end(ErrUpdate) }, nil
}

// rest waits until no section is being changed.
func (d *daemon) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restTime, fmt.Errorf("not within %s", restTime))
	defer cancel()
	for {
		d.mu.Lock()
		moved := d.moved
		d.mu.Unlock()
		busy := changing(d.Reported())
		if busy == "" {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait until section %q has come to rest: %w", busy, context.Cause(ctx))
		}
	}
}

// changing is a section that is being changed, empty if none is.
func changing(r state.Reported) string {
	for name, s := range r.Sections {
		if s.Status == state.Applying || s.Status == state.AwaitingConfirmation {
			return name
		}
	}
	return ""
}

// prove has the platform sign the nonce of the guestd that tries this one, once
// the line is up.
func (d *daemon) prove(ctx context.Context) {
	select {
	case <-d.reached:
	case <-ctx.Done():
		return
	}
	answer, err := d.o.Line.Prove(ctx, d.o.Trial.Nonce)
	if err == nil {
		err = d.o.Trial.Prove(answer)
	}
	if err != nil && ctx.Err() == nil {
		d.o.Log.Error("this guestd could not prove that it reaches the platform", "error", err)
	}
}
