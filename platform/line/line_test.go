package line_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/identity"
	"innkeeper/platform/line"
)

const patience = 2 * time.Minute

// hotel is a backend that answers what the test put into it.
type hotel struct {
	mu       sync.Mutex
	guests   map[string]string // public key -> guest
	sealed   map[string][]byte
	reported []string // guest and id
	asked    chan string
	broken   bool
	confirm  func(guest string, nonce []byte) ([]byte, error)

	rotations func(key []byte) ([]wire.Rotation, error)
}

func (h *hotel) GuestOf(key string) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g, ok := h.guests[key]
	return g, ok
}

func (h *hotel) Desired(_ context.Context, guest string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.asked <- guest:
	default:
	}
	if h.broken {
		return nil, errors.New("the store is broken")
	}
	return h.sealed[guest], nil
}

func (h *hotel) TakeReport(_ context.Context, guest, id string, body []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if string(body) == "nonsense" {
		return errors.New("that is\r\nnonsense")
	}
	h.reported = append(h.reported, guest+" "+id)
	return nil
}

// Confirm answers as the test chose.
func (h *hotel) Confirm(guest string, nonce []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.confirm(guest, nonce)
}

func (h *hotel) Rotations(key []byte) ([]wire.Rotation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rotations(key)
}

func (h *hotel) Task(string, []byte) ([]byte, error)         { return nil, nil }
func (h *hotel) Chunk(string, string, int64) ([]byte, error) { return nil, errors.New("there is none") }
func (h *hotel) Done(string, wire.Outcome) error             { return nil }

type platform struct {
	*hotel
	line *line.Line
	id   identity.Identity
}

func open(t *testing.T) *platform {
	t.Helper()
	id, err := identity.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{id: id, hotel: &hotel{guests: map[string]string{}, sealed: map[string][]byte{}, asked: make(chan string, 100)}}
	p.confirm = func(guest string, nonce []byte) ([]byte, error) { return wire.SignConfirm(id.Signing, guest, nonce) }
	p.rotations = id.Rotations
	server, err := id.TLS()
	if err != nil {
		t.Fatal(err)
	}
	p.line, err = line.Open(t.Context(), line.Options{
		Listen: "127.0.0.1:0", TLS: server, Backend: p.hotel, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.line.Close)
	return p
}

// enrol makes a join file.
func (p *platform) enrol(t *testing.T, guest string) wire.Join {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := pair.Seed()
	public, _ := pair.PublicKey()
	p.mu.Lock()
	p.guests[public] = guest
	p.mu.Unlock()
	return wire.Join{
		Guest: guest, Addresses: []string{p.line.Addr().String()}, CA: p.id.CA, Seed: string(seed),
		PlatformKey: p.id.Signing.Public().(ed25519.PublicKey),
	}
}

// client is a guest that does what it likes with its key.
func client(t *testing.T, j wire.Join, o ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	pool, err := j.Pool()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.FromSeed([]byte(j.Seed))
	if err != nil {
		t.Fatal(err)
	}
	public, _ := pair.PublicKey()
	conn, err := nats.Connect("tls://"+j.Addresses[0], append([]nats.Option{
		nats.Secure(&tls.Config{RootCAs: pool, ServerName: wire.ServerName, MinVersion: tls.VersionTLS13}),
		nats.TLSHandshakeFirst(), nats.Nkey(public, pair.Sign), nats.NoReconnect(), nats.Timeout(patience),
		nats.CustomInboxPrefix(wire.InboxPrefix(j.Guest)),
	}, o...)...)
	if err == nil {
		t.Cleanup(conn.Close)
	}
	return conn, err
}

func mustClient(t *testing.T, j wire.Join, o ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := client(t, j, o...)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAGuestCannotListenToWhatIsAnothers(t *testing.T) {
	p := open(t)
	victim := mustClient(t, p.enrol(t, "victim"))
	for _, subject := range []string{
		wire.Doorbell("victim"), wire.Desired("victim"), wire.Reported("victim"), wire.InboxPrefix("victim") + ".>",
		wire.Confirm("victim"), wire.Key("victim"), wire.Tasks("victim"), wire.Taskbell("victim"), wire.Chunks("victim"), wire.Done("victim"),
		"guest.*.doorbell", "guest.>", ">", "_INBOX.>", "*.>", "$SYS.>", "$JS.>", wire.Desired("thief"),
	} {
		denied := make(chan error, 10)
		thief := mustClient(t, p.enrol(t, "thief"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
		heard := make(chan *nats.Msg, 10)
		if _, err := thief.ChanSubscribe(subject, heard); err != nil {
			t.Fatal(err)
		}
		if err := thief.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-denied:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: the subscription was not denied", subject)
		}
		if err := p.line.Ring("victim", 7); err != nil {
			t.Fatal(err)
		}
		if _, err := victim.Request(wire.Desired("victim"), nil, patience); err != nil {
			t.Fatal(err)
		}
		if err := thief.Flush(); err != nil {
			t.Fatal(err)
		}
		if len(heard) != 0 {
			t.Errorf("%s: the thief heard %s", subject, (<-heard).Subject)
		}
		thief.Close()
	}
}

func TestAGuestCannotSpeakOnWhatIsAnothers(t *testing.T) {
	p := open(t)
	denied := make(chan error, 10)
	thief := mustClient(t, p.enrol(t, "thief"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	for _, subject := range []string{
		wire.Reported("victim"), wire.Desired("victim"), wire.Confirm("victim"), wire.Key("victim"), wire.Tasks("victim"), wire.Taskbell("victim"), wire.Chunks("victim"), wire.Done("victim"),
		wire.Doorbell("victim"), wire.InboxPrefix("victim") + ".x",
		wire.Doorbell("thief"), "$JS.API.STREAM.LIST", "$SYS.REQ.SERVER.PING", "anything",
	} {
		if err := thief.PublishRequest(subject, wire.InboxPrefix("thief")+".x", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-denied:
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: it was not denied", subject)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.reported) != 0 {
		t.Errorf("the platform took %q", p.reported)
	}
}

// The reply subject is the guest's to choose, and the server does not check it
// against what the guest may publish on.
func TestAGuestCannotHaveAnswersSentToAnother(t *testing.T) {
	p := open(t)
	p.sealed["thief"] = []byte("something")
	heard := make(chan *nats.Msg, 10)
	victim := mustClient(t, p.enrol(t, "victim"))
	for _, subject := range []string{wire.Doorbell("victim"), wire.InboxPrefix("victim") + ".>"} {
		if _, err := victim.ChanSubscribe(subject, heard); err != nil {
			t.Fatal(err)
		}
	}
	if err := victim.Flush(); err != nil {
		t.Fatal(err)
	}
	thief := mustClient(t, p.enrol(t, "thief"))
	for _, reply := range []string{wire.Doorbell("victim"), wire.InboxPrefix("victim") + ".x", wire.InboxPrefix("thief")} {
		if err := thief.PublishRequest(wire.Desired("thief"), reply, nil); err != nil {
			t.Fatal(err)
		}
	}
	// Requests are answered in their order: this answer comes after those.
	if _, err := thief.Request(wire.Desired("thief"), nil, patience); err != nil {
		t.Fatal(err)
	}
	if err := victim.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 0 {
		t.Errorf("the victim was sent something on %s", (<-heard).Subject)
	}
}

func TestWhoIsNotKnownIsNotLetIn(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	stranger, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := stranger.Seed()
	unknown := j
	unknown.Seed = string(seed)
	pair, _ := nkeys.FromSeed([]byte(j.Seed))
	public, _ := pair.PublicKey()
	forge := func(nonce []byte) ([]byte, error) { return stranger.Sign(nonce) }
	old := func([]byte) ([]byte, error) { return pair.Sign([]byte("another nonce")) }

	for name, o := range map[string][]nats.Option{
		"another's signature":      {nats.Nkey(public, forge)},
		"signature of other bytes": {nats.Nkey(public, old)},
		"password":                 {nats.UserInfo("web-1", "secret"), func(o *nats.Options) error { o.Nkey = ""; return nil }},
		"nothing":                  {func(o *nats.Options) error { o.Nkey, o.SignatureCB = "", nil; return nil }},
	} {
		if _, err := client(t, j, o...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client(t, unknown); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := client(t, j); err != nil {
		t.Errorf("the guest itself: %v", err)
	}
}

func TestNothingIsSaidWithoutTLS(t *testing.T) {
	p := open(t)
	conn, err := net.Dial("tcp", p.line.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "CONNECT {\"verbose\":true}\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	said, err := bufio.NewReader(conn).ReadString('\n')
	if strings.HasPrefix(said, "INFO") || strings.HasPrefix(said, "+OK") || strings.HasPrefix(said, "PONG") {
		t.Errorf("the server said %q (%v)", said, err)
	}
	if errors.Is(err, context.DeadlineExceeded) || err == nil {
		t.Errorf("the connection was not ended: %v", err)
	}
}

func TestAReportThatIsRefusedIsAnsweredWithTheReason(t *testing.T) {
	p := open(t)
	guest := mustClient(t, p.enrol(t, "web-1"))
	m := nats.NewMsg(wire.Reported("web-1"))
	m.Header.Set(wire.IDHeader, "id-1")
	m.Data = []byte("nonsense")
	reply, err := guest.RequestMsg(m, patience)
	if err != nil {
		t.Fatal(err)
	}
	if got := reply.Header.Get(wire.ErrorHeader); got != "that is nonsense" {
		t.Errorf("the reason is %q", got)
	}
	m.Data = []byte("{}")
	if reply, err = guest.RequestMsg(m, patience); err != nil || reply.Header.Get(wire.ErrorHeader) != "" {
		t.Errorf("a good one: %v, %v", reply, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.reported, []string{"web-1 id-1"}) {
		t.Errorf("taken were %q", p.reported)
	}
}

func TestTheDoorbellTellsTheRevision(t *testing.T) {
	p := open(t)
	heard := make(chan *nats.Msg, 1)
	guest := mustClient(t, p.enrol(t, "web-1"))
	if _, err := guest.ChanSubscribe(wire.Doorbell("web-1"), heard); err != nil {
		t.Fatal(err)
	}
	if err := guest.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := p.line.Ring("web-1", 18446744073709551615); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-heard:
		var r wire.Ring
		if err := json.Unmarshal(m.Data, &r); err != nil || r.Revision != 18446744073709551615 {
			t.Errorf("it rang with %s", m.Data)
		}
	case <-time.After(patience):
		t.Error("it did not ring")
	}
}
