package link

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"innkeeper/agent/link/wire"
)

// report delivers the newest report and each one after it, until ctx ends. One
// that the platform did not acknowledge as stored is sent again, unless there
// is a newer one by then.
func (s *session) report(ctx context.Context) {
	retry := shortestWait
	for ctx.Err() == nil {
		r := s.link.newest()
		if r == nil {
			select {
			case <-s.link.news:
			case <-ctx.Done():
			}
			continue
		}
		if err := s.deliver(ctx, r); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.link.o.Log.Warn("a report could not be delivered; trying again", "error", err)
			s.link.pause(ctx, jittered(retry))
			retry = min(2*retry, longestWait)
			continue
		}
		retry = shortestWait
		s.link.delivered(r)
	}
}

func (s *session) deliver(ctx context.Context, r *report) error {
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	m := nats.NewMsg(wire.Reported(s.link.Guest()))
	m.Header.Set(wire.IDHeader, r.id)
	m.Data = r.body
	reply, err := s.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return fmt.Errorf("deliver the report: %w", err)
	}
	if problem := reply.Header.Get(wire.ErrorHeader); problem != "" {
		return fmt.Errorf("the platform answers: %s", problem)
	}
	return nil
}

func (l *Link) newest() *report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending
}

// delivered forgets r unless a newer one took its place meanwhile.
func (l *Link) delivered(r *report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == r {
		l.pending = nil
	}
}
