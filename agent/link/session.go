package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
)

// How soon a line that broke without a word is noticed: after as many pings
// without an answer, that far apart.
const (
	pingInterval = 20 * time.Second
	pingsMissed  = 2
)

// errClosed says that the platform ended the connection and gave no reason.
var errClosed = errors.New("the platform closed the connection")

// session is one connection, from dialling it until it breaks or ctx ends.
// Answered says that the platform answered a request on it. The error says
// why it ended and is never nil.
func (l *Link) session(ctx context.Context, address string, h Handler) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broken := make(chan struct{})
	conn, err := l.connect(ctx, address, wire.RequestTimeout, broken)
	if err != nil {
		return false, err
	}
	defer func() {
		conn.Close()
		<-broken // the library's goroutines have run what they had to
	}()

	s := &session{link: l, conn: conn, handler: h, doorbell: make(chan *nats.Msg, 64), taskbell: make(chan *nats.Msg, 16)}
	if err := s.listen(ctx); err != nil {
		return false, err
	}
	l.o.Log.Info("connected to the platform", "address", address)
	l.up.Store(true)
	h.Connected(true)
	defer func() {
		l.up.Store(false)
		h.Connected(false)
	}()

	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { s.fetch(ctx) })
	all.Go(func() { s.report(ctx) })
	all.Go(func() { s.doubts(ctx) })
	all.Go(func() { s.tasks(ctx) })
	select {
	case <-broken:
		err = conn.LastError()
		if err == nil {
			err = errClosed
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	cancel()
	all.Wait()
	var over *oversizeError
	if errors.As(err, &over) {
		h.Refuse(0, []string{"the document was not read: " + over.Error()})
	}
	return s.answered, err
}

// connect dials, which may take as long as patience, proves that the platform
// is the right one and this guest the one it says. Broken is closed once the
// connection is no more and all that the library called back for it has
// returned.
func (l *Link) connect(ctx context.Context, address string, patience time.Duration, broken chan struct{}) (*nats.Conn, error) {
	j := l.o.Join
	pool, err := j.Pool()
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed([]byte(j.Seed))
	if err != nil {
		return nil, errors.New("the join file's seed is not an nkey seed")
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, errors.New("the join file's seed has no public key")
	}
	d := &dialer{ctx: ctx, dial: l.o.Dial, patience: patience, tls: &tls.Config{
		RootCAs: pool, ServerName: wire.ServerName, MinVersion: tls.VersionTLS13,
	}}
	defer d.release()
	conn, err := nats.Connect("tls://"+address,
		nats.Name("guestd "+j.Guest),
		nats.Secure(), // without it, a platform that says it has no TLS would be believed
		nats.TLSHandshakeFirst(),
		nats.Nkey(public, pair.Sign),
		nats.CustomInboxPrefix(wire.InboxPrefix(j.Guest)),
		nats.SetCustomDialer(d), nats.SkipHostLookup(), nats.IgnoreDiscoveredServers(),
		nats.Timeout(wire.RequestTimeout),
		nats.NoReconnect(),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsMissed),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.o.Log.Warn("the line to the platform", "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(broken) }),
	)
	if err != nil && d.err != nil {
		err = d.err // the library does not tell of every one
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the platform: %w", err)
	}
	return conn, nil
}

// dialer makes connections that speak TLS and are bounded. It ends an attempt
// to connect, at whatever point it is, when ctx does.
type dialer struct {
	ctx      context.Context
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	patience time.Duration
	tls      *tls.Config
	err      error
	conn     *bounded
	stop     func() bool
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (_ net.Conn, err error) {
	defer func() { d.err = err }()
	ctx, cancel := context.WithTimeout(d.ctx, d.patience)
	defer cancel()
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	shaking, cancel := context.WithTimeout(d.ctx, wire.RequestTimeout)
	defer cancel()
	secure := tls.Client(conn, d.tls)
	if err := secure.HandshakeContext(shaking); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	d.conn = &bounded{Conn: secure}
	return d.conn, nil
}

// SkipTLSHandshake tells the library that the connection has TLS already.
func (d *dialer) SkipTLSHandshake() bool { return true }

// release leaves the connection to itself once it stands.
func (d *dialer) release() {
	if d.stop != nil {
		d.stop()
	}
}

// session is what is done on a connection that stands.
type session struct {
	link     *Link
	conn     *nats.Conn
	handler  Handler
	doorbell chan *nats.Msg
	taskbell chan *nats.Msg
	answered bool // owned by fetch until it has ended
}

// listen subscribes to the bells, and returns once the platform knows.
func (s *session) listen(ctx context.Context) error {
	for subject, bell := range map[string]chan *nats.Msg{
		wire.Doorbell(s.link.Guest()): s.doorbell, wire.Taskbell(s.link.Guest()): s.taskbell,
	} {
		if _, err := s.conn.ChanSubscribe(subject, bell); err != nil {
			return fmt.Errorf("listen to the doorbell: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	if err := s.conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("listen to the doorbell: %w", err)
	}
	return nil
}
