// Package reconcile makes a machine what its accepted document says, section
// by section, and says back how each one stands. It keeps the document on
// disk and needs nobody to go on.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/journal"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
)

// Catalogue knows the program that serves a section; *plugin.Catalogue is one.
type Catalogue interface {
	// Find gives the program of a section, or a *plugin.UnservedError.
	Find(ctx context.Context, section string) (plugin.Program, error)
	// Scan looks at what there is anew.
	Scan(ctx context.Context) plugin.Programs
	// Sections are the sections served.
	Sections() []string
	// Notes are what a person should know of what is not served.
	Notes() []string
}

// Options are what a Reconciler works with.
type Options struct {
	// Guest is the id of this guest; a document of another's is refused.
	// Empty before enrolment.
	Guest string
	// Machine and StateDir are where the accepted document is kept.
	Machine  guest.Machine
	StateDir string
	// Catalogue and Caller find and run plugins.
	Catalogue Catalogue
	Caller    plugin.Caller
	// System and Agent are told in reports; capabilities and notes are added.
	System state.System
	Agent  state.Agent
	// Guard undoes, from outside this process, what is not confirmed in time.
	// Confirm is a round trip to the platform over a new connection, within
	// ctx. With either nil, nothing is confirmed.
	Guard   Guard
	Confirm func(ctx context.Context) error
	// Report is given every new report, one at a time.
	Report func(state.Reported)
	// DriftInterval is about the time between two looks at a section that is
	// as it should be, 10 minutes if 0.
	DriftInterval time.Duration
	Clock         Clock
	Log           *slog.Logger
}

// Reconciler keeps the sections of the accepted document true.
type Reconciler struct {
	o     Options
	store store
	marks marks
	book  *journal.Journal
	turn  chan struct{} // held by the one open transaction
	news  chan struct{} // of capacity 1: something to report
	work  chan struct{} // of capacity 1: keepers to start

	mu       sync.Mutex
	accepted state.Desired
	refused  *state.Refusal
	notes    []string
	keepers  map[string]*keeper
	idle     []*keeper // made and not yet running
	resend   bool
	up       bool          // the line to the platform
	began    time.Time     // when Run began, zero before
	first    chan struct{} // closed when the line comes up for the first time
	settled  chan struct{} // closed, and made anew, when a section settles
	// left are changes that were cut short and could not be undone yet.
	left map[string]journal.Record
}

// New reads the accepted document; it changes nothing until Run.
func New(o Options) *Reconciler {
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.DriftInterval <= 0 {
		o.DriftInterval = 10 * time.Minute
	}
	if o.Report == nil {
		o.Report = func(state.Reported) {}
	}
	r := &Reconciler{
		o: o, store: store{o.Machine, o.StateDir}, marks: marks{o.Machine, o.StateDir},
		book: journal.New(o.Machine, o.StateDir), settled: make(chan struct{}), first: make(chan struct{}), left: map[string]journal.Record{},
		turn: make(chan struct{}, 1), news: make(chan struct{}, 1), work: make(chan struct{}, 1),
		keepers: map[string]*keeper{},
	}
	r.accepted, r.notes = r.store.load()
	for _, n := range r.notes {
		o.Log.Warn(n)
	}
	if g := r.accepted.Guest; g != "" && o.Guest != "" && g != o.Guest {
		note := fmt.Sprintf("the document kept on disk is of guest %q and this is %q; it is not used", g, o.Guest)
		o.Log.Warn(note)
		r.notes = append(r.notes, note)
		r.accepted = state.Desired{}
	}
	r.aim()
	return r
}

// Run first undoes what was cut short, which needs nobody, and then keeps the
// machine as it should be until ctx ends. It waits for what has begun to
// change it.
func (r *Reconciler) Run(ctx context.Context) {
	r.recover(ctx)
	r.mu.Lock()
	r.began = r.o.Clock.Now()
	r.mu.Unlock()
	last := r.Reported() // before any section is tried again
	r.o.Report(last)
	var all sync.WaitGroup
	all.Go(func() {
		r.o.Catalogue.Scan(ctx)
		r.changed()
	})
	all.Go(func() { r.report(ctx, last) })
	for {
		r.mu.Lock()
		fresh := r.idle
		r.idle = nil
		r.mu.Unlock()
		for _, k := range fresh {
			all.Go(func() { k.run(ctx) })
		}
		select {
		case <-r.work:
		case <-ctx.Done():
			all.Wait()
			return
		}
	}
}

// Accepted is the revision of the document in force, 0 for none.
func (r *Reconciler) Accepted() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted.Revision
}

// Desired takes a document in. When it returns nil the document is on disk
// and in force. A document that is not valid is refused whole, which is
// reported, and the last good one stays in force. An older document than the
// one in force is refused too; the same again is no error and does nothing.
func (r *Reconciler) Desired(_ context.Context, d state.Desired) error {
	if err := r.accept(d); err != nil {
		reasons := []string{err.Error()}
		var invalid *state.InvalidError
		if errors.As(err, &invalid) {
			reasons = invalid.Reasons()
		}
		r.Refuse(d.Revision, reasons)
		return fmt.Errorf("revision %d is refused: %w", d.Revision, err)
	}
	return nil
}

func (r *Reconciler) accept(d state.Desired) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if r.o.Guest != "" && d.Guest != r.o.Guest {
		return &state.InvalidError{Problems: []state.Problem{{
			Path: "guest", Message: fmt.Sprintf("%q is another guest; this is %q", d.Guest, r.o.Guest),
		}}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch now := r.accepted.Revision; {
	case d.Revision < now:
		return &state.InvalidError{Problems: []state.Problem{{
			Path: "revision", Message: fmt.Sprintf("%d is older than %d, which is in force", d.Revision, now),
		}}}
	case d.Revision == now:
		if r.refused != nil {
			r.refused = nil
			r.changed()
		}
		return nil
	}
	if err := r.store.save(d); err != nil {
		return fmt.Errorf("the agent cannot keep the document: %w", err)
	}
	r.accepted, r.refused = d, nil
	r.o.Log.Info("accepted a document", "revision", d.Revision, "sections", len(d.Sections))
	r.aimLocked()
	r.changed()
	return nil
}

// Refuse reports that a document was not accepted, and why.
func (r *Reconciler) Refuse(revision uint64, reasons []string) {
	r.mu.Lock()
	again := r.refused != nil && r.refused.Revision == revision && slices.Equal(r.refused.Reasons, reasons)
	if !again {
		r.refused = &state.Refusal{Revision: revision, Reasons: reasons}
	}
	r.mu.Unlock()
	if !again {
		r.o.Log.Warn("refused a document", "revision", revision, "reasons", reasons)
		r.changed()
	}
}

// Connected is told when the line to the platform comes up or breaks. When it
// comes up, the platform may have missed the last report.
func (r *Reconciler) Connected(up bool) {
	r.o.Log.Info("line to the platform", "up", up)
	r.mu.Lock()
	r.up = up
	select {
	case <-r.first:
	default:
		if up {
			close(r.first)
		}
	}
	r.resend = r.resend || up
	r.mu.Unlock()
	if up {
		r.changed()
	}
}

// reachable says whether the line to the platform is up.
func (r *Reconciler) reachable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up
}

// comingUp is how long the line may take to come up after the start of the
// daemon, before the platform counts as out of reach: that of a guest on an
// emulated processor takes a few seconds.
const comingUp = 30 * time.Second

// awaitLine returns when the line has come up, or had the time to. A change
// that was accepted before the daemon's start would else be made before the
// line is there to confirm it over.
func (r *Reconciler) awaitLine(ctx context.Context) error {
	r.mu.Lock()
	left := comingUp - r.o.Clock.Now().Sub(r.began)
	r.mu.Unlock()
	if left <= 0 {
		return nil
	}
	over, stop := r.o.Clock.After(left)
	defer stop()
	select {
	case <-r.first:
	case <-over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// aim gives every keeper its part of the accepted document.
func (r *Reconciler) aim() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aimLocked()
}

func (r *Reconciler) aimLocked() {
	for name := range r.accepted.Sections {
		if r.keepers[name] == nil {
			k := newKeeper(r, name)
			r.keepers[name] = k
			r.idle = append(r.idle, k)
		}
	}
	for name, k := range r.keepers {
		desired, managed := r.accepted.Sections[name]
		k.aim(target{
			managed: managed, revision: r.accepted.Revision, desired: desired,
			window: r.accepted.ConfirmWindow(), onDrift: r.accepted.Drift[name],
		})
	}
	select {
	case r.work <- struct{}{}:
	default:
	}
}
