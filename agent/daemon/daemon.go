// Package daemon puts the agent's parts together into the process that runs
// for as long as the machine does: one instance, its log, its status, the
// reconciler and the line to the platform.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/link"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/update"
)

// Line is the line to the platform; *link.Link is one.
type Line interface {
	// Run keeps the line up until ctx ends.
	Run(ctx context.Context, h link.Handler) error
	// Report sends the newest report as soon as the line is up. It does not wait.
	Report(r state.Reported)
	// Confirm proves that the platform can be reached now, over a connection
	// of its own.
	Confirm(ctx context.Context) error
	// Prove is Confirm with a given nonce, and gives the platform's answer.
	Prove(ctx context.Context, nonce []byte) ([]byte, error)
}

// Options are what the daemon is made of.
type Options struct {
	// Guest is this guest's id, empty before it is enrolled.
	Guest string
	// StateDir and PluginDir are those of the system's layout.
	StateDir  string
	PluginDir string
	// System and Version are told in reports.
	System  state.System
	Version string
	Target  string
	// Executable and Sections are the built-in plugins: what is run, and what
	// the sections say of themselves.
	Executable string
	Sections   map[string]section.Description
	// Line is nil before the guest is enrolled.
	Line Line
	// Updater takes a new guestd in; nil where none is wanted. Trial is set in a
	// guestd that another one tries.
	Updater *update.Updater
	Trial   *update.Seat
	// Notes are what a person should know of how the daemon was started.
	Notes []string
	Log   *slog.Logger
	// Limits of plugins; zero fields have their defaults.
	Limits plugin.Limits
}

// stopping is how long the daemon waits at its end for plugins that must not
// be killed.
const stopping = 5 * time.Second

// Run is the daemon. It returns when ctx has ended, or at once with an error
// if another instance runs. It returns ErrUpdate when a new guestd is to be
// tried, having given up all that it held.
func Run(ctx context.Context, o Options) error {
	warning, err := makePrivate(o.StateDir)
	if err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if warning != nil {
		o.Log.Warn("others may read what is kept of the document", "error", warning)
	}
	lock, err := Acquire(ctx, o.StateDir)
	if err != nil {
		return err
	}
	defer lock.Release()

	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	d := &daemon{o: o, end: end, moved: make(chan struct{}), reached: make(chan struct{}), status: statusFile{path: filepath.Join(o.StateDir, statusName), machine: guest.Local()}}
	supervisor := &plugin.Supervisor{Limits: o.Limits, Log: o.Log}
	catalogue := o.catalogue(supervisor)
	defer catalogue.Close()
	started := time.Now().UTC()
	d.Reconciler = reconcile.New(reconcile.Options{
		Guest: o.Guest, Machine: guest.Local(), StateDir: o.StateDir,
		Catalogue: catalogue, Caller: supervisor, System: o.System,
		Agent: state.Agent{Version: o.Version, Target: o.Target, PID: os.Getpid(), Started: started, Notes: o.Notes, Update: o.lastUpdate()},
		Guard: o.guard(supervisor), Confirm: o.confirm(),
		Report: d.report, Log: o.Log,
	})
	o.Log.Info("guestd starts", "version", o.Version, "target", o.Target, "pid", os.Getpid(),
		"system", o.System.Name, "system_version", o.System.Version, "guest", o.Guest, "accepted", d.Accepted(), "tried", o.Trial != nil)

	var all sync.WaitGroup
	if o.Trial == nil { // one that is tried touches nothing of the machine
		all.Go(func() { d.Run(ctx) })
	}
	if o.Line == nil {
		o.Log.Warn("this guest is not enrolled; it keeps what it last accepted. To enrol it: guestd install --join FILE")
	} else {
		all.Go(func() { d.line(ctx) })
		if o.Trial != nil {
			all.Go(func() { d.prove(ctx) })
		}
	}
	all.Go(func() { d.slim(ctx, d.giveBack) })
	all.Wait()
	ending, cancel := context.WithTimeout(context.Background(), stopping)
	defer cancel()
	if err := supervisor.Close(ending); err != nil {
		o.Log.Warn("a plugin that must not be killed is left running", "error", err)
	}
	o.Log.Info("guestd ends")
	if errors.Is(context.Cause(ctx), ErrUpdate) {
		return ErrUpdate
	}
	return nil
}

func (o Options) catalogue(s *plugin.Supervisor) *plugin.Catalogue {
	builtin := make(map[string]plugin.Program, len(o.Sections))
	for name, description := range o.Sections {
		builtin[name] = plugin.Builtin(o.Executable, name, o.System.Name, description)
	}
	return &plugin.Catalogue{Builtin: builtin, Directory: &plugin.Directory{Path: o.PluginDir, Caller: s}}
}

type daemon struct {
	*reconcile.Reconciler
	o      Options
	status statusFile
	end    context.CancelCauseFunc

	reach   sync.Once
	reached chan struct{} // closed once the line is up

	mu        sync.Mutex
	connected bool
	last      *state.Reported
	moved     chan struct{} // closed, and made anew, at each report
}

func (o Options) lastUpdate() *state.Update {
	if o.Updater == nil {
		return nil
	}
	return o.Updater.Report()
}

// line keeps the line up. It is never a reason for the daemon to end: without
// it, what was accepted stays in force.
func (d *daemon) line(ctx context.Context) {
	for ctx.Err() == nil {
		err := d.o.Line.Run(ctx, d)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		d.o.Log.Error("the line to the platform failed; it is tried again in a minute", "error", err)
		again := time.NewTimer(time.Minute)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
		}
	}
}

// Connected implements link.Handler.
func (d *daemon) Connected(up bool) {
	d.mu.Lock()
	d.connected = up
	d.mu.Unlock()
	if up {
		d.reach.Do(func() { close(d.reached) })
	}
	d.Reconciler.Connected(up)
	d.save()
}

// report gives a new report to the platform and to `guestd status`.
func (d *daemon) report(r state.Reported) {
	d.mu.Lock()
	d.last = &r
	close(d.moved)
	d.moved = make(chan struct{})
	d.mu.Unlock()
	if d.o.Line != nil {
		d.o.Line.Report(r)
	}
	d.save()
}

func (d *daemon) save() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		return
	}
	s := Status{Enrolled: d.o.Line != nil, Connected: d.connected, Reported: *d.last}
	if err := d.status.write(s); err != nil {
		d.o.Log.Warn("the status could not be written", "error", err)
	}
}
