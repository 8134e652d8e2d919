// Package columns runs the compiled specs once per system, each in a process
// of its own, and turns what they tell into a report. A crash in one column
// touches no other.
package columns

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"innkeeper/harness/event"
	"innkeeper/matrix/report"
	"innkeeper/matrix/runs"
)

// Plan is one column to run.
type Plan struct {
	// System and Title name the guest; MemoryMiB is what it takes.
	System, Title string
	MemoryMiB     int
	// Args are the column's own flags, after the common ones.
	Args []string
}

// Options are common to all columns.
type Options struct {
	Run *runs.Run
	// Binary is the compiled specs.
	Binary string
	// Args are flags for every column.
	Args []string
	// Keep leaves the guests running.
	Keep bool
	// Timeout bounds a column as a whole.
	Timeout time.Duration
	// MemoryMiB bounds the guests that run at one time; a guest larger than
	// that runs alone.
	MemoryMiB int
	// Watch is told of every event, from several goroutines at once.
	Watch func(system string, e event.Event)
}

// grace is what a column gets to clean up after it was told to end.
const grace = 45 * time.Second

// Run runs the columns and returns their results in the order of the plans.
// When ctx ends they are told to end and are waited for.
func Run(ctx context.Context, plans []Plan, o Options) []report.Guest {
	results := make([]report.Guest, len(plans))
	room := newRoom(o.MemoryMiB)
	var all sync.WaitGroup
	for i, p := range plans {
		all.Go(func() {
			results[i] = report.Guest{System: p.System, Title: p.Title, Specs: []event.Spec{}}
			need, err := room.take(ctx, p.MemoryMiB, func() {
				o.Watch(p.System, event.Event{Kind: event.Phase, Phase: "waiting", Detail: "for memory"})
			})
			if err != nil {
				results[i].Error = "not started: " + err.Error()
				return
			}
			defer room.give(need)
			begun := time.Now()
			if err := one(ctx, p, o, &results[i]); err != nil {
				results[i].Error = err.Error()
			}
			results[i].Seconds = time.Since(begun).Seconds()
		})
	}
	all.Wait()
	return results
}

// one runs a column and reads its events until it ends, or is ready to be left.
func one(ctx context.Context, p Plan, o Options, g *report.Guest) error {
	work := o.Run.Column(p.System)
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	c, err := start(p, o, work)
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read(func(e event.Event) {
			take(g, e)
			o.Watch(p.System, e)
			if e.Kind == event.Ready {
				close(ready)
			}
		})
	}()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()

	limit, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("the column did not end within %s", o.Timeout))
	defer cancel()
	select {
	case err = <-ended:
	case <-ready:
		return c.leave()
	case <-limit.Done():
		err = errors.Join(context.Cause(limit), c.end(ended))
	}
	c.parent.Close()
	// A program the column started may still hold the events' other end.
	c.events.SetReadDeadline(time.Now().Add(grace))
	<-read
	return verdict(ctx, err, g, work)
}

// verdict turns the end of the process into the column's error: nil if its
// specs tell the story themselves.
func verdict(ctx context.Context, err error, g *report.Guest, work string) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && g.Failed == 0:
		return fmt.Errorf("%w\n%s", err, lastWords(filepath.Join(work, "column.log")))
	case err != nil || g.Passed+g.Failed+g.Skipped > 0:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		return nil
	}
	return fmt.Errorf("no spec ran: none matches the filter\n%s", lastWords(filepath.Join(work, "column.log")))
}

// process is a column at work.
type process struct {
	cmd    *exec.Cmd
	events *os.File // what it tells
	parent *os.File // closing it ends the column
}

func start(p Plan, o Options, work string) (*process, error) {
	told, tells, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	alive, parent, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tells.Close()
	defer alive.Close()
	log, err := os.OpenFile(filepath.Join(work, "column.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(o.Binary, append(append([]string{
		"--guest=" + p.System, "--work=" + work, "--events-fd=3", "--parent-fd=4", "--keep=" + strconv.FormatBool(o.Keep),
		"-test.timeout=0",
	}, o.Args...), p.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	// The lock of the run goes along: it is free when every column has ended.
	cmd.ExtraFiles = []*os.File{tells, alive, o.Run.Lock()}
	// A session of its own: Ctrl-C is for the matrix, which tells its columns.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = work
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the column of %s: %w", p.System, err)
	}
	return &process{cmd: cmd, events: told, parent: parent}, nil
}

// read calls each event until the column closes its end.
func (c *process) read(each func(event.Event)) {
	defer c.events.Close()
	r := bufio.NewReader(c.events)
	for {
		line, err := r.ReadBytes('\n')
		var e event.Event
		if json.Unmarshal(line, &e) == nil && e.Kind != "" {
			each(e)
		}
		if err != nil {
			return
		}
	}
}

// leave lets the column and its guest run on.
func (c *process) leave() error {
	_, err := io.WriteString(c.parent, "stay")
	return errors.Join(err, c.parent.Close())
}

// end tells the column to end, waits and at last kills it.
func (c *process) end(ended <-chan error) error {
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		return errors.Join(fmt.Errorf("it was killed, as it did not end within %s of being told to", grace), <-ended)
	}
}

// take keeps what an event tells for the report.
func take(g *report.Guest, e event.Event) {
	switch {
	case e.Kind == event.Finished && e.Spec != nil:
		g.Add(*e.Spec)
	case e.Kind == event.Guest && e.Guest != nil:
		g.Describe(*e.Guest)
	}
}

// lastWords is the end of a column's log.
func lastWords(file string) string {
	const limit = 6 << 10
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if len(data) > limit {
		data = data[len(data)-limit:]
	}
	return string(data)
}
