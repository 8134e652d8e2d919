package specs

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform/embedded"
	"innkeeper/platform/identity"
)

// impostorPayload is above anything that an impostor says.
const impostorPayload = 128 << 20

// impostor stands in the platform's place on the lab with the platform's own
// certificate, and says whatever a spec wants, without the bounds that a
// platform keeps to: somebody who has taken over the platform's server, but not
// the key that signs.
type impostor struct {
	id      string
	server  *embedded.Server
	conn    *nats.Conn
	stop    func()
	reports chan state.Reported

	mu   sync.Mutex
	next []byte // what it answers a request for the document with
	once bool   // and only the first

	update  *offer // what it offers as a task, nil for nothing
	asked   chan struct{}
	pieces  int
	outcome chan wire.Outcome
}

// offer is a new guestd, or what is said to be one.
type offer struct {
	announced  wire.Update
	executable []byte
	key        ed25519.PrivateKey
}

// everybody lets in who knocks.
type everybody struct{}

func (everybody) Check(c server.ClientAuthentication) bool {
	c.RegisterUser(&server.User{Username: "anybody"})
	return true
}

// platformIdentity is the identity of the platform under test as it is now,
// its secret key included.
func platformIdentity() identity.Identity {
	GinkgoHelper()
	id, err := identity.Load(filepath.Join(options.work, "platform"))
	Expect(err).NotTo(HaveOccurred())
	return id
}

// usurp puts an impostor in the platform's place until the spec, or its
// container, is over.
func usurp(ctx context.Context) *impostor {
	GinkgoHelper()
	i := &impostor{id: agent.id, reports: make(chan state.Reported, 64), outcome: make(chan wire.Outcome, 1)}
	DeferCleanup(func() {
		i.close()
		agent.pickUp()
	})
	Expect(i.open(ctx)).To(Succeed())
	agent.hangUp()
	var err error
	i.stop, err = agent.lab.Serve("platform", platformPort, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", i.server.Addr().String())
	})
	Expect(err).NotTo(HaveOccurred())
	return i
}

func (i *impostor) open(ctx context.Context) error {
	certificate, err := platformIdentity().TLS()
	if err != nil {
		return err
	}
	i.server, err = embedded.Start(ctx, &server.Options{
		ServerName: "impostor", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		TLSConfig: certificate, TLSTimeout: 30, TLSHandshakeFirst: true, AuthTimeout: 30, AlwaysEnableNonce: true,
		CustomClientAuthentication: everybody{},
		MaxPayload:                 impostorPayload, MaxPending: 2 * impostorPayload, NoSystemAccount: true,
	}, logger())
	if err != nil {
		return err
	}
	if i.conn, err = i.server.Connect(); err != nil {
		return err
	}
	for subject, answer := range map[string]func(*nats.Msg) []byte{
		wire.Desired(i.id): i.document, wire.Reported(i.id): i.report,
		// It can rotate no key: it has none.
		wire.Key(i.id):   func(*nats.Msg) []byte { return []byte(`{"rotations":[]}`) },
		wire.Tasks(i.id): i.task, wire.Chunks(i.id): i.chunk, wire.Done(i.id): i.done,
	} {
		if _, err := i.conn.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(answer(m)) }); err != nil {
			return fmt.Errorf("impostor: %w", err)
		}
	}
	return i.conn.Flush()
}

func (i *impostor) close() {
	if i.stop != nil {
		i.stop()
	}
	if i.conn != nil {
		i.conn.Close()
	}
	if i.server != nil {
		i.server.Stop()
	}
}

func (i *impostor) document(*nats.Msg) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	said := i.next
	if i.once {
		i.next = nil
	}
	return said
}

func (i *impostor) report(m *nats.Msg) []byte {
	var r state.Reported
	if err := json.Unmarshal(m.Data, &r); err == nil {
		i.reports <- r
	}
	return nil
}

// say has the guest fetch these bytes for its document: once, if a guest that
// got them hangs up.
func (i *impostor) say(sealed []byte, once bool) {
	GinkgoHelper()
	for len(i.reports) > 0 {
		<-i.reports // of what was said before
	}
	i.mu.Lock()
	i.next, i.once = sealed, once
	i.mu.Unlock()
	body, err := json.Marshal(wire.Ring{}) // no revision: look, whatever is in force
	Expect(err).NotTo(HaveOccurred())
	Expect(i.conn.Publish(wire.Doorbell(i.id), body)).To(Succeed())
}

// refusal is the guest's first report to the impostor that tells of a refusal
// of this revision for a reason that the pattern fits.
func (i *impostor) refusal(ctx context.Context, revision uint64, reason string) state.Reported {
	GinkgoHelper()
	var last state.Reported
	for {
		select {
		case last = <-i.reports:
		case <-ctx.Done():
			Fail(fmt.Sprintf("no refusal of revision %d was reported that says %q; the last report is %+v", revision, reason, last))
		}
		if last.Refused == nil || last.Refused.Revision != revision {
			continue
		}
		for _, told := range last.Refused.Reasons {
			if ok, err := MatchRegexp(reason).Match(told); err == nil && ok {
				return last
			}
		}
	}
}

// offerTask is the name of the one task that an impostor has.
const offerTask = "offer"

// give has the guest take something for a new guestd and gives what the guest
// says of it.
func (i *impostor) give(ctx context.Context, o offer) wire.Outcome {
	GinkgoHelper()
	i.mu.Lock()
	i.update = &o
	i.mu.Unlock()
	Expect(i.conn.Publish(wire.Taskbell(i.id), nil)).To(Succeed())
	select {
	case outcome := <-i.outcome:
		return outcome
	case <-ctx.Done():
		Fail("the guest does not say what comes of the update")
		return wire.Outcome{}
	}
}

// reject has the guest see a task that another key signed, and sees that it
// fetches nothing for it and asks anew.
func (i *impostor) reject(ctx context.Context, o offer) {
	GinkgoHelper()
	i.mu.Lock()
	i.update, i.asked, i.pieces = &o, make(chan struct{}, 16), 0
	asked := i.asked
	i.mu.Unlock()
	Expect(i.conn.Publish(wire.Taskbell(i.id), nil)).To(Succeed())
	for range 2 { // what it does with the first is done when it asks again
		select {
		case <-asked:
		case o := <-i.outcome:
			Fail(fmt.Sprintf("it does what another key signed, and answers %+v", o))
		case <-ctx.Done():
			Fail("the guest does not ask for its task")
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.update = nil
	Expect(i.pieces).To(BeZero(), "it fetches what another key signed")
}

func (i *impostor) task(m *nats.Msg) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	q, err := wire.ParseQuestion(m.Data)
	if err != nil || i.update == nil {
		return nil
	}
	select {
	case i.asked <- struct{}{}:
	default:
	}
	sealed, err := wire.SealTask(i.update.key, wire.Task{ID: offerTask, Guest: i.id, Nonce: q.Nonce, Update: &i.update.announced})
	if err != nil {
		return nil
	}
	return sealed
}

func (i *impostor) chunk(m *nats.Msg) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	q, err := wire.ParseChunkRequest(m.Data)
	if err != nil || i.update == nil || q.Offset >= int64(len(i.update.executable)) {
		return nil
	}
	i.pieces++
	rest := i.update.executable[q.Offset:]
	return rest[:min(wire.MaxChunk, len(rest))]
}

func (i *impostor) done(m *nats.Msg) []byte {
	if o, err := wire.ParseOutcome(m.Data); err == nil {
		i.mu.Lock()
		i.update = nil
		i.mu.Unlock()
		i.outcome <- o
	}
	return nil
}
