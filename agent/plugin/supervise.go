package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"innkeeper/agent/guest/process"
	"innkeeper/agent/systems/section"
)

// Limits are what one call of a plugin may cost. A zero field has its default.
type Limits struct {
	// Deadline bounds a call of a plugin whose description sets none, 60 s.
	Deadline time.Duration
	// Stdout is how much a plugin may write to its standard output, 1 MiB.
	Stdout int
	// StderrKept is how much of its standard error is kept, 256 KiB; more is
	// read and dropped, up to Stderr, 64 MiB, at which it is killed.
	StderrKept int
	Stderr     int64
	// Memory bounds a plugin whose description sets none, and what it runs,
	// together, 256 MiB.
	Memory int64
	// Sampling is how often the memory in use is looked at, 50 ms. Only a
	// plugin that runs as long is looked at at all.
	Sampling time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Deadline == 0 {
		l.Deadline = time.Minute
	}
	if l.Stdout == 0 {
		l.Stdout = 1 << 20
	}
	if l.StderrKept == 0 {
		l.StderrKept = 256 << 10
	}
	if l.Stderr == 0 {
		l.Stderr = 64 << 20
	}
	if l.Memory == 0 {
		l.Memory = 256 << 20
	}
	if l.Sampling == 0 {
		l.Sampling = 50 * time.Millisecond
	}
	return l
}

// The most that a plugin's description can ask for.
const (
	mostDeadline = 2 * time.Hour
	mostMemory   = 2 << 30
)

// Supervisor runs plugins and outlives whatever they do. Its zero value is
// ready.
type Supervisor struct {
	Limits Limits
	Log    *slog.Logger

	mu    sync.Mutex
	stuck map[string]*StuckError
	left  sync.WaitGroup
}

// Call has a program do one operation and returns its result. An error is one
// of the plugin's own, *section.Error; or *CrashError, *DeadlineError,
// *StuckError, *FloodError, *MemoryError, *ProtocolError; or says that the
// program could not be started, or that ctx ended. In every case but that of
// *StuckError nothing of the plugin is left running.
func (s *Supervisor) Call(ctx context.Context, p Program, q Request) (json.RawMessage, error) {
	call := Call{Section: q.Section, Operation: q.Operation}
	if q.Operation != section.OpDescribe { // which touches nothing
		if err := s.stuckOn(q.Section); err != nil {
			return nil, err
		}
	}
	q.Protocol = Version
	request, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode the request to %s: %w", call, err)
	}
	r := &run{
		call: call, limits: s.limitsFor(p), started: time.Now(), log: s.log(),
		unkillable: slices.Contains(p.Description.Unkillable, q.Operation),
		kill:       make(chan error, 1),
		secrets:    secretsOf(p.Description.Schema, q.Desired),
	}
	if err := r.start(p, append(request, '\n')); err != nil {
		return nil, fmt.Errorf("start %s: %w", call, err)
	}
	cut := r.watch(ctx)
	var stuck *StuckError
	if errors.As(cut, &stuck) {
		s.leave(r, stuck)
		return nil, stuck
	}
	result, err := r.verdict(cut)
	if err == nil && q.Operation == section.OpPlan {
		result = r.secrets.plan(result)
	}
	return result, err
}

// Close waits until no plugin is left running that was reported as stuck, or
// until ctx ends.
func (s *Supervisor) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.left.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for stuck plugins: %w", ctx.Err())
	}
}

func (s *Supervisor) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

func (s *Supervisor) stuckOn(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.stuck[name]; e != nil {
		return e
	}
	return nil
}

// leave notes that the section is taken until the run ends.
func (s *Supervisor) leave(r *run, e *StuckError) {
	s.mu.Lock()
	if s.stuck == nil {
		s.stuck = map[string]*StuckError{}
	}
	s.stuck[r.call.Section] = e
	s.mu.Unlock()
	s.left.Go(func() {
		<-r.child.Done()
		s.mu.Lock()
		delete(s.stuck, r.call.Section)
		s.mu.Unlock()
		s.log().Info("a stuck plugin ended", "section", r.call.Section, "operation", r.call.Operation, "after", time.Since(r.started))
	})
}

func (s *Supervisor) limitsFor(p Program) Limits {
	l := s.Limits.withDefaults()
	if d := time.Duration(p.Description.DeadlineSeconds) * time.Second; d > 0 {
		l.Deadline = min(d, mostDeadline)
	}
	if m := int64(p.Description.MemoryMiB) << 20; m > 0 {
		l.Memory = min(m, mostMemory)
	}
	return l
}

// run is one process of a plugin.
type run struct {
	call       Call
	limits     Limits
	unkillable bool
	started    time.Time
	log        *slog.Logger
	kill       chan error // the first reason to end it
	secrets    secrets    // to be kept out of all that it says

	child  *process.Child
	stdout *reply
	stderr *process.Capped
	peak   int64
}

func (r *run) start(p Program, request []byte) error {
	r.stdout = &reply{
		limit: r.limits.Stdout, strike: r.secrets.strike,
		overflow: func() { r.condemn(&FloodError{r.call, "standard output", int64(r.limits.Stdout)}) },
		progress: func(message string, percent int) {
			r.log.Debug("plugin progress", "section", r.call.Section, "operation", r.call.Operation, "message", r.secrets.strike(message), "percent", percent)
		},
	}
	r.stderr = &process.Capped{Limit: r.limits.StderrKept}
	child, err := process.Start(exec.Command(p.Path, p.Args...), process.Options{
		Stdin: request, Stdout: r.stdout,
		Stderr: &flood{to: r.stderr, left: r.limits.Stderr, overflow: func() {
			r.condemn(&FloodError{r.call, "standard error", r.limits.Stderr})
		}},
		Group: reach(p), MemoryLimit: r.limits.Memory, EndWithParent: !r.unkillable,
	})
	r.child = child
	return err
}

// reach is what ends with a program. A service that is started without the
// help of a service manager detaches itself just as a runaway does: only who
// says that it starts services may leave something running.
func reach(p Program) process.Group {
	if p.Builtin || p.Description.StartsServices {
		return process.OwnSession
	}
	return process.OwnTree
}

// condemn gives the watcher a reason to end the child; the first counts.
func (r *run) condemn(why error) {
	select {
	case r.kill <- why:
	default:
	}
}

// watch returns when the child has ended, with the reason it was killed for,
// or at the deadline of one that must not be killed.
func (r *run) watch(ctx context.Context) error {
	deadline := time.NewTimer(r.limits.Deadline)
	defer deadline.Stop()
	sample := time.NewTicker(r.limits.Sampling)
	defer sample.Stop()
	var cut error
	for cut == nil {
		select {
		case <-r.child.Done():
			return r.condemned()
		case cut = <-r.kill:
		case <-sample.C:
			cut = r.overMemory()
		case <-ctx.Done():
			if r.unkillable {
				return &StuckError{r.call, r.started}
			}
			cut = fmt.Errorf("%s was cut short: %w", r.call, context.Cause(ctx))
		case <-deadline.C:
			if r.unkillable {
				return &StuckError{r.call, r.started}
			}
			cut = &DeadlineError{Call: r.call, Deadline: r.limits.Deadline}
		}
	}
	r.child.Kill()
	<-r.child.Done()
	return cut
}

// condemned is the reason that came just when the child ended, if one did.
func (r *run) condemned() error {
	select {
	case why := <-r.kill:
		return why
	default:
		return nil
	}
}

func (r *run) overMemory() error {
	now, err := r.child.Resident()
	if err != nil {
		return nil // it just ended
	}
	r.peak = max(r.peak, now)
	if now <= r.limits.Memory {
		return nil
	}
	return &MemoryError{r.call, r.limits.Memory, now}
}

// verdict is what the ended run comes to.
func (r *run) verdict(cut error) (json.RawMessage, error) {
	stderr := r.secrets.strike(string(r.stderr.Bytes()))
	if text := string(bytes.TrimSpace([]byte(tail(stderr, 4<<10)))); text != "" {
		r.log.Info("plugin log", "section", r.call.Section, "operation", r.call.Operation, "stderr", text)
	}
	var late *DeadlineError
	if errors.As(cut, &late) {
		late.Stderr = tail(stderr, 1<<10)
	}
	if cut != nil {
		return nil, cut
	}
	end := r.child.End()
	if end.Err != nil {
		return nil, fmt.Errorf("await %s: %w", r.call, end.Err)
	}
	result, err := r.stdout.end()
	var own *section.Error
	if errors.As(err, &own) {
		return nil, &section.Error{Code: own.Code, Message: r.secrets.strike(own.Message), Path: r.secrets.strike(own.Path)}
	}
	if end.ExitCode != 0 {
		peak := max(r.peak, end.PeakResident)
		if outOfMemory(stderr, peak, r.limits.Memory) {
			return nil, &MemoryError{r.call, r.limits.Memory, peak}
		}
		return nil, &CrashError{r.call, end.ExitCode, end.Signal, tail(stderr, 1<<10)}
	}
	if err != nil {
		return nil, &ProtocolError{r.call, err.Error(), tail(stderr, 1<<10)}
	}
	return result, nil
}

func tail(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[len(s)-most:]
}
