package line

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"

	"innkeeper/agent/link/wire"
)

func (l *Line) answer(m *nats.Msg, by func(string, *nats.Msg) ([]byte, error)) {
	// The server lets a guest publish on its own subjects only, so the name in
	// the subject is true; the reply subject is whatever it liked to write.
	guest := strings.Split(m.Subject, ".")[1]
	if !strings.HasPrefix(m.Reply, wire.InboxPrefix(guest)+".") {
		l.o.Log.Warn("a guest asks for an answer to where it cannot listen", "guest", guest)
		return
	}
	reply := nats.NewMsg(m.Reply)
	body, err := by(guest, m)
	if err != nil {
		l.o.Log.Warn("a guest's request failed", "guest", guest, "subject", m.Subject, "error", err)
		reply.Header.Set(wire.ErrorHeader, strings.Join(strings.Fields(err.Error()), " "))
	}
	reply.Data = body
	if err := l.conn.PublishMsg(reply); err != nil && l.ctx.Err() == nil {
		l.o.Log.Warn("a guest was not answered", "guest", guest, "error", err)
	}
}

func (l *Line) desired(guest string, _ *nats.Msg) ([]byte, error) {
	ctx, cancel := context.WithTimeout(l.ctx, wire.RequestTimeout)
	defer cancel()
	return l.o.Backend.Desired(ctx, guest)
}

func (l *Line) reported(guest string, m *nats.Msg) ([]byte, error) {
	ctx, cancel := context.WithTimeout(l.ctx, wire.RequestTimeout)
	defer cancel()
	return nil, l.o.Backend.TakeReport(ctx, guest, m.Header.Get(wire.IDHeader), m.Data)
}

func (l *Line) confirm(guest string, m *nats.Msg) ([]byte, error) {
	q, err := wire.ParseQuestion(m.Data)
	if err != nil {
		return nil, err
	}
	return l.o.Backend.Confirm(guest, q.Nonce)
}

func (l *Line) key(_ string, m *nats.Msg) ([]byte, error) {
	r, err := wire.ParseKeyRequest(m.Data)
	if err != nil {
		return nil, err
	}
	chain, err := l.o.Backend.Rotations(r.Key)
	if err != nil {
		return nil, err
	}
	return wire.EncodeRotations(chain)
}

func (l *Line) task(guest string, m *nats.Msg) ([]byte, error) {
	q, err := wire.ParseQuestion(m.Data)
	if err != nil {
		return nil, err
	}
	return l.o.Backend.Task(guest, q.Nonce)
}

func (l *Line) chunk(guest string, m *nats.Msg) ([]byte, error) {
	r, err := wire.ParseChunkRequest(m.Data)
	if err != nil {
		return nil, err
	}
	return l.o.Backend.Chunk(guest, r.ID, r.Offset)
}

func (l *Line) done(guest string, m *nats.Msg) ([]byte, error) {
	o, err := wire.ParseOutcome(m.Data)
	if err != nil {
		return nil, err
	}
	return nil, l.o.Backend.Done(guest, o)
}
