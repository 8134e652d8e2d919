package link

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"

	"innkeeper/agent/link/wire"
)

const (
	// confirmDial is how long one address may take to be reached: what does not
	// answer by then may be another route's, and the window is short.
	confirmDial = 5 * time.Second
	// confirmAgain is the wait before all addresses are tried again. A network
	// that was just changed needs a moment (addresses are probed, ports learn).
	confirmAgain = 500 * time.Millisecond
	// doubtTimeout is how long the standing connection may take to answer when
	// it is asked whether it still stands.
	doubtTimeout = 5 * time.Second
)

// Confirm proves that the platform can be reached now: over a connection of
// its own, with the name resolved anew, it has the platform sign a nonce that
// was never used before. It tries until it has the answer or ctx ends, whose
// deadline is the caller's window, and then tells why the last attempts failed.
func (l *Link) Confirm(ctx context.Context) error {
	nonce := make([]byte, wire.NonceSize)
	if _, err := io.ReadFull(l.o.Random, nonce); err != nil {
		return fmt.Errorf("make a nonce: %w", err)
	}
	_, err := l.Prove(ctx, nonce)
	return err
}

// Prove is Confirm with a nonce of somebody else's, and gives the platform's
// answer, which that one can check: see Check.
func (l *Link) Prove(ctx context.Context, nonce []byte) (answer []byte, err error) {
	for {
		var failed []error
		for _, address := range l.o.Join.Addresses {
			answer, err := l.confirmAt(ctx, address, nonce)
			if err == nil {
				// The connection before may have been over what is no more.
				signal(l.doubt)
				return answer, nil
			}
			failed = append(failed, fmt.Errorf("%s: %w", address, err))
		}
		l.pause(ctx, confirmAgain)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the platform did not confirm that it is reached (%w): %w", context.Cause(ctx), errors.Join(failed...))
		}
	}
}

// Check is nil if the answer is the platform's to the nonce of this guest. The
// platform's key is the newest that is kept on the disk.
func (l *Link) Check(nonce, answer []byte) error {
	trust, err := newTrust(l.o)
	if err != nil {
		l.o.Log.Warn("a file of the platform's keys is not used", "error", err)
	}
	return wire.CheckConfirm(trust.now(), l.Guest(), nonce, answer)
}

func (l *Link) confirmAt(ctx context.Context, address string, nonce []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	broken := make(chan struct{})
	conn, err := l.connect(ctx, address, confirmDial, broken)
	if err != nil {
		return nil, err
	}
	defer func() {
		conn.Close()
		<-broken
	}()
	return l.ask(ctx, conn, nonce)
}

func (l *Link) ask(ctx context.Context, conn *nats.Conn, nonce []byte) ([]byte, error) {
	body, err := json.Marshal(wire.Question{Protocol: wire.Protocol, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	reply, err := conn.RequestWithContext(ctx, wire.Confirm(l.Guest()), body)
	if err != nil {
		return nil, fmt.Errorf("ask the platform to confirm: %w", err)
	}
	if problem := reply.Header.Get(wire.ErrorHeader); problem != "" {
		return nil, fmt.Errorf("the platform answers: %s", problem)
	}
	return reply.Data, l.trusting(ctx, conn, func(key ed25519.PublicKey) error {
		return wire.CheckConfirm(key, l.Guest(), nonce, reply.Data)
	})
}

// Up says whether the line stands, as far as is known: one that broke without
// a word is noticed within a minute.
func (l *Link) Up() bool { return l.up.Load() }

// doubts looks whether the connection still answers, whenever there is reason
// to doubt it, and closes it if not.
func (s *session) doubts(ctx context.Context) {
	for {
		select {
		case <-s.link.doubt:
		case <-ctx.Done():
			return
		}
		asking, cancel := context.WithTimeout(ctx, doubtTimeout)
		err := s.conn.FlushWithContext(asking)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.link.o.Log.Info("the connection to the platform does not answer any more; making a new one", "error", err)
			s.conn.Close()
			return
		}
	}
}
