// Package line is the platform's end of the line to its guests: a NATS server
// over TLS where each guest, known by its nkey, may use its own subjects only.
// It keeps nothing.
package line

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/embedded"
)

// Backend answers what guests send. It is called from several goroutines.
type Backend interface {
	// GuestOf is the guest with a public nkey.
	GuestOf(publicKey string) (guest string, ok bool)
	// Desired is the newest signed document of a guest, nil if there is none.
	Desired(ctx context.Context, guest string) ([]byte, error)
	// TakeReport takes in a report; when it returns nil, it is kept.
	TakeReport(ctx context.Context, guest, id string, body []byte) error
	// Confirm signs a guest's nonce.
	Confirm(guest string, nonce []byte) ([]byte, error)
	// Rotations are those from the key that a guest trusts to the newest.
	Rotations(key []byte) ([]wire.Rotation, error)
	// Task is the signed task of a guest, for the nonce it sent; nil if there
	// is none.
	Task(guest string, nonce []byte) ([]byte, error)
	// Chunk is a piece of the executable of a guest's task.
	Chunk(guest, task string, offset int64) ([]byte, error)
	// Done takes in what came of a task.
	Done(guest string, o wire.Outcome) error
}

// Options say where to listen and who answers.
type Options struct {
	// Listen is host:port; port 0 lets the system choose.
	Listen  string
	TLS     *tls.Config
	Backend Backend
	Log     *slog.Logger
}

// The bounds on one guest's connection. Guests run on emulated machines too,
// where a handshake can take seconds.
const (
	handshakeSeconds = 20
	subscriptions    = 16
	pendingBytes     = 8 << 20
)

// Line is open from Open to Close.
type Line struct {
	o      Options
	keeper *gatekeeper
	server *embedded.Server
	conn   *nats.Conn
	ctx    context.Context // of the requests that are being answered
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

// Open listens.
func Open(ctx context.Context, o Options) (_ *Line, err error) {
	host, port, err := split(o.Listen)
	if err != nil {
		return nil, err
	}
	own, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("make the platform's own key: %w", err)
	}
	public, err := own.PublicKey()
	if err != nil {
		return nil, err
	}
	l := &Line{o: o, keeper: &gatekeeper{platform: public, backend: o.Backend}}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	l.server, err = embedded.Start(ctx, &server.Options{
		ServerName: "line", Host: host, Port: port,
		TLSConfig: o.TLS, TLSTimeout: handshakeSeconds, TLSHandshakeFirst: true,
		AuthTimeout: handshakeSeconds, AlwaysEnableNonce: true,
		CustomClientAuthentication: l.keeper,
		MaxPayload:                 wire.MaxPayload, MaxSubs: subscriptions, MaxPending: pendingBytes,
		NoSystemAccount: true,
	}, o.Log)
	if err != nil {
		return nil, err
	}
	l.keeper.open.watch(func(id uint64) bool { return l.server.GetClient(id) != nil })
	if l.conn, err = l.server.Connect(nats.Nkey(public, own.Sign)); err != nil {
		return nil, err
	}
	return l, l.serve()
}

// split gives NATS' notation of an address, where port -1 is any.
func split(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("listen on %q: it is not host:port", listen)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("listen on %q: %q is not a port from 0 to 65535", listen, text)
	}
	if n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

// Addr is where it listens.
func (l *Line) Addr() net.Addr { return l.server.Addr() }

// Close ends every connection and stops listening. It returns when no request
// is being answered any more.
func (l *Line) Close() {
	l.cancel()
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Stop()
	}
	l.busy.Wait()
}

// Ring tells a guest its newest revision. A guest that is away learns it when
// it comes back.
func (l *Line) Ring(guest string, revision uint64) error {
	body, err := json.Marshal(wire.Ring{Revision: revision})
	if err != nil {
		return err
	}
	if err := l.conn.Publish(wire.Doorbell(guest), body); err != nil {
		return fmt.Errorf("ring at guest %s: %w", guest, err)
	}
	return nil
}

// RingTask tells a guest that there is a task for it.
func (l *Line) RingTask(guest string) error {
	if err := l.conn.Publish(wire.Taskbell(guest), nil); err != nil {
		return fmt.Errorf("ring at guest %s: %w", guest, err)
	}
	return nil
}

// Disconnect ends the connections of who has the given public nkey.
func (l *Line) Disconnect(publicKey string) {
	for _, id := range l.keeper.open.take(publicKey) {
		// One that has ended meanwhile is what was wanted.
		_ = l.server.DisconnectClientByID(id)
	}
}

// waiting is how many requests may wait for their answer before more are
// dropped; a guest asks again after a while.
const waiting = 1 << 13

// serve answers requests of each kind in the order they came.
func (l *Line) serve() error {
	for subject, answer := range map[string]func(guest string, m *nats.Msg) ([]byte, error){
		wire.Desired("*"): l.desired, wire.Reported("*"): l.reported, wire.Confirm("*"): l.confirm,
		wire.Key("*"): l.key, wire.Tasks("*"): l.task, wire.Chunks("*"): l.chunk, wire.Done("*"): l.done,
	} {
		requests := make(chan *nats.Msg, waiting)
		if _, err := l.conn.ChanSubscribe(subject, requests); err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
		l.busy.Go(func() {
			for {
				select {
				case m := <-requests:
					l.answer(m, answer)
				case <-l.ctx.Done():
					return
				}
			}
		})
	}
	return l.conn.Flush()
}
