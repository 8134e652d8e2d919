package link

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// Planner is a Handler that can say what a document would change.
type Planner interface {
	// Plan touches nothing.
	Plan(ctx context.Context, d state.Desired) (state.Plan, error)
}

// Updater is a Handler that can put a new guestd in the place of this one.
type Updater interface {
	// Update takes in the executable that the task id announces and fetch
	// gives the pieces of, each beginning at the offset it is called with. Start
	// is called once the platform was told that the new one is here, and is to
	// have it tried; what comes of that is reported. It is nil if the new one is
	// the one that runs.
	Update(ctx context.Context, id string, u wire.Update, fetch func(ctx context.Context, offset int64) ([]byte, error)) (start func(), err error)
}

// planTimeout bounds one dry run: every section's plugin reads its part of the
// machine.
const planTimeout = 5 * time.Minute

// tasks does what the platform asks to be done once, at connecting and
// whenever the bell rings, until ctx ends.
func (s *session) tasks(ctx context.Context) {
	retry := shortestWait
	for ctx.Err() == nil {
		did, err := s.task(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.link.o.Log.Warn("a task could not be done; asking again", "error", err)
			s.link.pause(ctx, jittered(retry))
			retry = min(2*retry, longestWait)
		case did:
			retry = shortestWait // perhaps there is another
		default:
			retry = shortestWait
			select {
			case <-s.taskbell:
			case <-ctx.Done():
			}
		}
	}
}

// task does the next task, if there is one.
func (s *session) task(ctx context.Context) (did bool, err error) {
	q := wire.Question{Protocol: wire.Protocol, Nonce: make([]byte, wire.NonceSize)}
	if _, err := io.ReadFull(s.link.o.Random, q.Nonce); err != nil {
		return false, fmt.Errorf("make a nonce: %w", err)
	}
	sealed, err := s.ask(ctx, wire.Tasks(s.link.Guest()), q)
	if err != nil || len(sealed) == 0 {
		return false, err
	}
	var t wire.Task
	err = s.link.trusting(ctx, s.conn, func(key ed25519.PublicKey) (err error) {
		t, err = wire.OpenTask(key, s.link.Guest(), q.Nonce, sealed)
		return err
	})
	if err != nil {
		// Of what is not certainly the platform's nothing is believed, its id included.
		return false, fmt.Errorf("the task is refused: %w", err)
	}
	o := wire.Outcome{ID: t.ID}
	var start func()
	switch {
	case t.Plan != nil:
		o.Plan, err = s.plan(ctx, *t.Plan)
	case t.Update != nil:
		start, err = s.update(ctx, t)
	}
	if err != nil {
		o.Error = err.Error()
	}
	_, err = s.ask(ctx, wire.Done(s.link.Guest()), o)
	if start != nil {
		start() // told or not: the report will tell
	}
	return true, err
}

func (s *session) plan(ctx context.Context, d state.Desired) (*state.Plan, error) {
	p, ok := s.handler.(Planner)
	if !ok {
		return nil, errors.New("this guestd makes no plans")
	}
	if d.Guest != s.link.Guest() {
		return nil, fmt.Errorf("the document is of guest %q; this is %q", clip(d.Guest), s.link.Guest())
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	plan, err := p.Plan(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	raw, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	const room = 4 << 10 // for the rest of the outcome
	if len(raw) > wire.MaxReport-room {
		return nil, fmt.Errorf("the plan has %d bytes, and at most %d can be told; plan fewer sections at once", len(raw), wire.MaxReport-room)
	}
	return &plan, nil
}

func (s *session) update(ctx context.Context, t wire.Task) (start func(), err error) {
	u, ok := s.handler.(Updater)
	if !ok {
		return nil, errors.New("this guestd cannot replace itself")
	}
	return u.Update(ctx, t.ID, *t.Update, func(ctx context.Context, offset int64) ([]byte, error) {
		return s.ask(ctx, wire.Chunks(s.link.Guest()), wire.ChunkRequest{Protocol: wire.Protocol, ID: t.ID, Offset: offset})
	})
}

// ask sends a request and gives the answer.
func (s *session) ask(ctx context.Context, subject string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	reply, err := s.conn.RequestWithContext(ctx, subject, body)
	if err != nil {
		return nil, fmt.Errorf("ask on %s: %w", subject, err)
	}
	if problem := reply.Header.Get(wire.ErrorHeader); problem != "" {
		return nil, fmt.Errorf("the platform answers: %s", problem)
	}
	return reply.Data, nil
}
