package platform

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// task is what one guest is asked to do, from the question to the answer.
type task struct {
	wire.Task
	binary []byte // of an update
	done   chan wire.Outcome
}

// desk keeps the tasks of guests in the order they were given. They are kept
// in memory alone: whoever gave one waits for its outcome.
type desk struct {
	mu    sync.Mutex
	tasks map[string][]*task
}

func (d *desk) add(t *task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tasks == nil {
		d.tasks = map[string][]*task{}
	}
	d.tasks[t.Guest] = append(d.tasks[t.Guest], t)
}

func (d *desk) remove(t *task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := slices.DeleteFunc(d.tasks[t.Guest], func(other *task) bool { return other == t })
	if len(left) == 0 {
		delete(d.tasks, t.Guest)
		return
	}
	d.tasks[t.Guest] = left
}

// first is the task that a guest is to do next.
func (d *desk) first(guest string) *task {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.tasks[guest]) == 0 {
		return nil
	}
	return d.tasks[guest][0]
}

// Plan asks a guest what sections would change there if they were set now.
// Nothing is touched, and no revision is used up. It waits for the guest.
func (p *Platform) Plan(ctx context.Context, guest string, sections map[string]json.RawMessage) (state.Plan, error) {
	if sections == nil {
		sections = map[string]json.RawMessage{}
	}
	if !p.store.Enrolled(guest) {
		return state.Plan{}, fmt.Errorf("plan for %s: %w", guest, ErrNotEnrolled)
	}
	last, err := p.newest(ctx, guest)
	if err != nil {
		return state.Plan{}, fmt.Errorf("plan for %s: %w", guest, err)
	}
	o, err := p.perform(ctx, &task{Task: wire.Task{
		Guest: guest, Plan: &state.Desired{Revision: last + 1, Guest: guest, Sections: sections},
	}})
	if err != nil {
		return state.Plan{}, fmt.Errorf("plan for %s: %w", guest, err)
	}
	if o.Plan == nil {
		return state.Plan{}, fmt.Errorf("plan for %s: the guest answers without a plan", guest)
	}
	return *o.Plan, nil
}

// perform gives a task to its guest and waits for what comes of it.
func (p *Platform) perform(ctx context.Context, t *task) (wire.Outcome, error) {
	t.ID, t.done = rand.Text(), make(chan wire.Outcome, 1)
	if sealed, err := wire.SealTask(p.who().Signing, t.Task); err != nil {
		return wire.Outcome{}, err
	} else if len(sealed) > wire.MaxEnvelope {
		return wire.Outcome{}, fmt.Errorf("the document is too large: no guest reads more than %d bytes", state.MaxDocument)
	}
	p.desk.add(t)
	defer p.desk.remove(t)
	p.mu.Lock()
	l := p.line
	p.mu.Unlock()
	if l != nil {
		if err := l.RingTask(t.Guest); err != nil {
			p.o.Log.Warn("the guest could not be told of its task", "guest", t.Guest, "error", err)
		}
	}
	select {
	case o := <-t.done:
		if o.Error != "" {
			return o, fmt.Errorf("the guest answers: %s", o.Error)
		}
		return o, nil
	case <-ctx.Done():
		return wire.Outcome{}, fmt.Errorf("the guest did not answer: %w", context.Cause(ctx))
	}
}

// Task implements line.Backend.
func (b backend) Task(guest string, nonce []byte) ([]byte, error) {
	t := b.p.desk.first(guest)
	if t == nil {
		return nil, nil
	}
	answer := t.Task
	answer.Nonce = nonce
	return wire.SealTask(b.p.who().Signing, answer)
}

// Chunk implements line.Backend.
func (b backend) Chunk(guest, id string, offset int64) ([]byte, error) {
	t := b.p.desk.first(guest)
	if t == nil || t.ID != id || offset >= int64(len(t.binary)) {
		return nil, errors.New("there is no such piece any more")
	}
	return t.binary[offset:min(offset+wire.MaxChunk, int64(len(t.binary)))], nil
}

// Done implements line.Backend.
func (b backend) Done(guest string, o wire.Outcome) error {
	t := b.p.desk.first(guest)
	if t == nil || t.ID != o.ID {
		return nil // nobody waits for it any more
	}
	b.p.desk.remove(t)
	t.done <- o
	return nil
}
