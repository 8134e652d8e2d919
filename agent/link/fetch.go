package link

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// worthy says whether a message on the doorbell is worth a request: one that
// tells what is in force already is not; one that cannot be read is.
func worthy(body []byte, accepted uint64) bool {
	var r wire.Ring
	return json.Unmarshal(body, &r) != nil || r.Revision == 0 || r.Revision != accepted
}

// fetch asks for the desired document at once, whenever the doorbell rings,
// and now and then, until ctx ends.
func (s *session) fetch(ctx context.Context) {
	retry := shortestWait
	if _, err := s.link.learn(ctx, s.conn); err != nil && ctx.Err() == nil {
		s.link.o.Log.Warn("whether the platform has a new key is not known", "error", err)
	}
	for ctx.Err() == nil {
		// A tenth more or less keeps guests that started together apart.
		again := s.link.o.FetchInterval*9/10 + jittered(s.link.o.FetchInterval/5)
		if sealed, err := s.request(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.link.o.Log.Warn("the desired document could not be fetched; trying again", "error", err)
			again = jittered(retry)
			retry = min(2*retry, longestWait)
		} else {
			s.answered = true
			if s.take(ctx, sealed) {
				retry = shortestWait
			} else {
				again = jittered(retry)
				retry = min(2*retry, longestWait)
			}
		}
		s.await(ctx, again)
	}
}

// await returns when it is time to fetch: d has passed or the doorbell rang.
func (s *session) await(ctx context.Context, d time.Duration) {
	over, stop := s.link.o.Clock.After(d)
	defer stop()
	for {
		select {
		case m := <-s.doorbell:
			if worthy(m.Data, s.handler.Accepted()) {
				s.drain()
				return
			}
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// drain forgets what rang until now: one fetch answers it all.
func (s *session) drain() {
	for {
		select {
		case <-s.doorbell:
		default:
			return
		}
	}
}

// request returns the signed document, empty if there is none yet.
func (s *session) request(ctx context.Context) ([]byte, error) {
	body, err := json.Marshal(wire.Request{Protocol: wire.Protocol, Accepted: s.handler.Accepted()})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	reply, err := s.conn.RequestWithContext(ctx, wire.Desired(s.link.Guest()), body)
	if err != nil {
		return nil, fmt.Errorf("ask for the desired document: %w", err)
	}
	if problem := reply.Header.Get(wire.ErrorHeader); problem != "" {
		return nil, fmt.Errorf("the platform answers: %s", problem)
	}
	return reply.Data, nil
}

// take gives the handler what came: a document to accept, or a refusal. It is
// false for a good document that this machine cannot take just now, for want of
// space on its disk.
func (s *session) take(ctx context.Context, sealed []byte) bool {
	if len(sealed) == 0 {
		return true
	}
	var document []byte
	err := s.link.trusting(ctx, s.conn, func(key ed25519.PublicKey) (err error) {
		document, err = wire.Open(key, sealed)
		return err
	})
	if err != nil {
		s.handler.Refuse(0, []string{"the document was not read: " + err.Error()})
		return true
	}
	d, refusal := read(s.link.Guest(), s.handler.Accepted(), document)
	if refusal != nil {
		s.handler.Refuse(refusal.Revision, refusal.Reasons)
		return true
	}
	err = s.handler.Desired(ctx, d)
	if err == nil {
		return true
	}
	// The handler reports it and logs why.
	s.link.o.Log.Debug("the document was not accepted", "revision", d.Revision, "error", err)
	var invalid *state.InvalidError
	return errors.As(err, &invalid)
}

// read reads a document that the platform signed and says why it cannot be
// this guest's next one. The document in force, once more, is good.
func read(guest string, accepted uint64, document []byte) (state.Desired, *state.Refusal) {
	// Whose it is and how old comes before what is in it.
	var of struct {
		Revision uint64 `json:"revision"`
		Guest    string `json:"guest"`
	}
	peeked := json.Unmarshal(document, &of) == nil
	refuse := func(format string, args ...any) (state.Desired, *state.Refusal) {
		return state.Desired{}, &state.Refusal{Revision: of.Revision, Reasons: []string{fmt.Sprintf(format, args...)}}
	}
	switch {
	case peeked && of.Guest != guest:
		return refuse("guest: %q is another guest; this is %q", clip(of.Guest), guest)
	case peeked && of.Revision < accepted:
		return refuse("revision: %d is older than %d, which is in force", of.Revision, accepted)
	}
	d, err := state.ParseDesired(document)
	var invalid *state.InvalidError
	switch {
	case errors.As(err, &invalid):
		return state.Desired{}, &state.Refusal{Revision: of.Revision, Reasons: invalid.Reasons()}
	case err != nil:
		return refuse("%v", err)
	}
	return d, nil
}

// clip shortens a foreign string to what an id can be.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
