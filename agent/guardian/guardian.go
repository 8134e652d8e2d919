// Package guardian undoes a change that could have cut the machine off its
// network, unless somebody disarms it in time. It is armed before the change
// is made, and it waits in a process outside the daemon, so that what was
// before comes back though the daemon crashed, hangs or was stopped.
//
// An order is a few files of the state directory, all of one name:
//
//	ID.armed     what is to be restored, waiting (mode 0600: it may hold secrets)
//	ID.until     the deadline, when it was moved
//	ID.disarmed  the same order, withdrawn
//	ID.firing    the same order, being restored
//	ID.fired     what came of it, until somebody was told
//
// Disarming and firing are both a rename of ID.armed, of which the file system
// lets one succeed. Deadlines are times since the start of the machine, time
// asleep included, and never the wall clock's.
package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
)

// Order is what is restored unless it is disarmed in time.
type Order struct {
	// Section and Revision are what the change is of.
	Section  string
	Revision uint64
	// Program is the section's plugin, whose restore is called.
	Program plugin.Program
	// Checkpoint is that of the plan: what restore brings back.
	Checkpoint json.RawMessage
	// Window is the time from Arm to the deadline: all that the change and its
	// confirmation may take. See also Armed.Renew. More than 0, at most a day.
	Window time.Duration
}

// Outcome is what came of an order that fired while nobody looked.
type Outcome struct {
	Section  string
	Revision uint64
	// Reason says why it fired.
	Reason string
	// Err is nil if what was before is restored.
	Err error
}

// Options are what a Guardian works with.
type Options struct {
	// StateDir is the agent's; orders are kept in a directory below it.
	StateDir string
	// Executable is guestd, whose command guardian waits in a process of its
	// own: "guestd guardian --state-dir DIR ID".
	Executable string
	// Machine is where the files are, guest.Local() if nil.
	Machine guest.Machine
	// Caller runs the plugins' restores in this process.
	Caller plugin.Caller
	// Ended is true if surely no daemon runs on StateDir, nil if nobody can
	// tell. One that has ended confirms nothing any more: what it armed is
	// restored soon after, and not at the deadline.
	Ended func() bool
	// Clock is the time since the machine's start, the system's if nil.
	Clock Clock
	Log   *slog.Logger
}

// Guardian arms orders, and settles those that an earlier daemon left.
type Guardian struct {
	o     Options
	files files
}

// New makes a Guardian; nothing is touched until it is used.
func New(o Options) *Guardian {
	if o.Machine == nil {
		o.Machine = guest.Local()
	}
	if o.Clock == nil {
		o.Clock = SystemClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Guardian{o: o, files: files{machine: o.Machine, dir: filepath.Join(o.StateDir, directory)}}
}

// starting is how long a guardian may take to start: as long as a program that
// is read from the disk of an emulated machine beside five others.
const starting = 60 * time.Second

// Arm returns once the order is on the disk and a process outside the daemon
// waits for its deadline. After an error nothing is armed, and nothing must be
// changed.
func (g *Guardian) Arm(ctx context.Context, o Order) (*Armed, error) {
	a, err := g.arm(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("arm the rollback of section %q: %w", o.Section, err)
	}
	return a, nil
}

func (g *Guardian) arm(ctx context.Context, o Order) (_ *Armed, err error) {
	now := g.o.Clock.Now()
	r := record{Order: o, Boot: now.Boot, Until: now.Up + o.Window}
	raw, err := r.encode()
	if err != nil {
		return nil, err
	}
	id := newID(o.Revision)
	if err := g.o.Machine.MkdirAll(g.files.dir, 0o700); err != nil {
		return nil, err
	}
	a := &Armed{g: g, id: id, order: o}
	if a.bells, err = prepare(g.files.dir, id); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			// A guardian that comes too late finds no order.
			err = errors.Join(err, g.files.clear(id))
			a.bells.ring()
			a.bells.close()
			a.bells.remove()
		}
	}()
	if err := g.files.put(id, armed, raw); err != nil {
		return nil, err
	}
	begun, cancel := context.WithTimeoutCause(ctx, starting, fmt.Errorf("the guardian does not start within %s", starting))
	defer cancel()
	if a.process, err = launch(begun, g.o, id); err != nil {
		return nil, fmt.Errorf("start the guardian: %w", err)
	}
	if err := a.bells.ready(begun, a.process); err != nil {
		return nil, err
	}
	g.o.Log.Debug("a rollback is armed", "section", o.Section, "revision", o.Revision, "window", o.Window, "id", id)
	return a, nil
}

// finishing is how long the daemon's start waits for a guardian that is at its
// work: as long as all tries of a restore whose plugin is not slower than the
// supervisor's default.
const finishing = 5 * time.Minute

// Settle is called at the daemon's start, before all else. What is still
// armed is restored now: the daemon that armed it crashed, or the machine was
// started anew. told is called with the outcome of each of those, and of what
// fired while nobody looked, before the last of it leaves the disk: a crash
// after that has the next start tell it again. The error tells of files that
// could not be read, which were set aside, and never that a restore failed.
func (g *Guardian) Settle(ctx context.Context, told func(Outcome)) error {
	ids, err := g.files.list()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for rollbacks that are armed: %w", err)
	}
	var problems []error
	for _, id := range ids {
		problems = append(problems, g.settle(ctx, id, told))
	}
	return errors.Join(problems...)
}

// settle brings one order to its end.
func (g *Guardian) settle(ctx context.Context, id string, told func(Outcome)) error {
	b := attach(g.files.dir, id)
	defer b.close()
	reason := daemonEnded
	err := g.files.claim(id, armed, firing)
	switch {
	case err == nil:
		b.ring() // the guardian finds its order gone, and ends
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("take over the rollback %s: %w", id, err)
	}
	// A guardian that took the order before us is let to do its work.
	patient, cancel := context.WithTimeoutCause(ctx, finishing, fmt.Errorf("it is still at it after %s", finishing))
	defer cancel()
	if err := b.ended(patient); err != nil {
		return fmt.Errorf("wait for the guardian of the rollback %s: %w", id, err)
	}
	outcome, err := g.files.outcome(id)
	if errors.Is(err, fs.ErrNotExist) {
		outcome, err = g.resume(ctx, id, reason)
	}
	if outcome != nil {
		g.o.Log.Warn("a change was undone", "section", outcome.Section, "revision", outcome.Revision, "reason", outcome.Reason, "error", outcome.Err)
		told(*outcome)
	}
	b.remove()
	return errors.Join(err, g.files.clear(id))
}

// resume restores an order that nobody else is at; nil if there is none.
func (g *Guardian) resume(ctx context.Context, id, reason string) (*Outcome, error) {
	r, err := g.files.order(id, firing)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if r.Boot != g.o.Clock.Now().Boot {
		reason = "it was not confirmed when the machine was started anew"
	}
	return &Outcome{
		Section: r.Section, Revision: r.Revision, Reason: reason,
		Err: restore(ctx, g.o.Caller, r.Order),
	}, nil
}
