package guardian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// look is how often a guardian looks at its order and the clock without being
// woken: timers stand still while the machine sleeps, and the deadline does
// not (CLOCK_BOOTTIME in clock_gettime(2)). A machine that wakes up past the
// deadline is restored within that time.
const look = time.Second

// Keep is the guardian's process: it waits with the order of that name until
// it is disarmed, or restores what was before at its deadline. It returns when
// one or the other is done; what came of a restore is left for Settle and is
// no error. If ctx ends, the order stays armed.
func Keep(ctx context.Context, o Options, id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("%q is not the name of a guardian's order", id)
	}
	g := New(o)
	p, err := takePost(g.files.dir, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // disarmed already
	}
	if err != nil {
		return fmt.Errorf("guard the order %s: %w", id, err)
	}
	defer p.leave()
	r, err := g.files.order(id, armed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.ready(); err != nil {
		return fmt.Errorf("tell the daemon that the guardian of %s waits: %w", id, err)
	}
	reason, err := g.await(ctx, id, r, p.woken)
	if err != nil || reason == "" {
		return err
	}
	return g.fire(ctx, id, r, reason)
}

// Why what was before is restored.
const (
	late        = "it was not confirmed in time"
	daemonEnded = "it was not confirmed when the daemon ended"
)

// parting is how long after the daemon's end what it armed is restored: what
// the change has begun ends with the daemon, and that takes a moment.
const parting = 5 * time.Second

// await gives the reason to restore, at the deadline or when the daemon has
// ended, and none when the order was withdrawn.
func (g *Guardian) await(ctx context.Context, id string, r record, woken <-chan struct{}) (string, error) {
	// A change that is not ended with the daemon is still being made.
	watched := g.o.Ended != nil && !slices.Contains(r.Program.Description.Unkillable, section.OpApply)
	var parted *deadline
	for g.files.has(id, armed) {
		now := g.o.Clock.Now()
		left := g.files.deadline(id, r).left(now)
		if left == 0 {
			return late, nil
		}
		if watched && parted == nil && g.o.Ended() {
			parted = &deadline{now.Boot, now.Up + parting}
		}
		if parted != nil {
			if left = min(left, parted.left(now)); left == 0 {
				return daemonEnded, nil
			}
		}
		timer := time.NewTimer(min(left, look))
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", context.Cause(ctx)
		}
		timer.Stop()
	}
	return "", nil
}

// fire restores an order, unless it is withdrawn at the last moment.
func (g *Guardian) fire(ctx context.Context, id string, r record, reason string) error {
	err := g.files.claim(id, armed, firing)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fire the rollback of section %q: %w", r.Section, err)
	}
	o := Outcome{
		Section: r.Section, Revision: r.Revision, Reason: reason,
		Err: restore(ctx, g.o.Caller, r.Order),
	}
	g.o.Log.Warn("a change was undone", "section", o.Section, "revision", o.Revision, "reason", o.Reason, "error", o.Err)
	raw, err := o.encode()
	if err == nil {
		err = g.files.put(id, fired, raw)
	}
	if err != nil {
		// The order stays: the daemon restores it once more, which is harmless.
		return fmt.Errorf("keep what came of the rollback of section %q: %w", r.Section, err)
	}
	return g.files.remove(id, firing, until)
}

// Restores are tried that often, with pauses that double from the first: what
// a plugin needs may be held by what is just being killed.
const (
	restores   = 4
	firstPause = time.Second
)

// restore has the section's plugin bring back what the checkpoint holds.
func restore(ctx context.Context, caller plugin.Caller, o Order) error {
	var err error
	pause := firstPause
	for n := range restores {
		_, err = caller.Call(ctx, o.Program, plugin.Request{
			Operation: section.OpRestore, Section: o.Section, Revision: o.Revision, Checkpoint: o.Checkpoint,
		})
		if err == nil || final(err) || n == restores-1 {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause *= 2
	}
	return err
}

// final is true of an error that another try would meet again, or make worse.
func final(err error) bool {
	var own *section.Error
	var stuck *plugin.StuckError
	return errors.As(err, &stuck) || errors.As(err, &own) && (own.Code == section.Invalid || own.Code == section.Unsupported)
}
