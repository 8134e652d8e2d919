package specs

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// The guest's own key in the hands of somebody with another NATS client: what
// a guest that was broken into can do to others.
var _ = Describe("a guest's key", Label("trust", "fault"), func() {
	const neighbour = "neighbour"

	It("reads and writes nothing of another guest's", func(ctx SpecContext) {
		token, err := agent.platform.Enrol(neighbour)
		Expect(err).NotTo(HaveOccurred())
		theirs, err := wire.ParseJoin(token)
		Expect(err).NotTo(HaveOccurred())
		own, other := client(agent.join), client(theirs)

		By("listening")
		denied := []string{
			">", "guest.>", "*.*.doorbell", "guest." + neighbour + ".>", wire.Doorbell(neighbour), wire.Taskbell(neighbour),
			wire.Desired(neighbour), wire.Reported(neighbour), wire.Desired(agent.id),
			"_INBOX.>", "_INBOX*.>", wire.InboxPrefix(neighbour) + ".>", "$SYS.>", "$JS.>", "$KV.>",
		}
		for _, subject := range denied {
			_, err := own.SubscribeSync(subject)
			Expect(err).NotTo(HaveOccurred())
			Expect(own.Flush()).To(Succeed())
			Expect(own.LastError()).To(MatchError(nats.ErrPermissionViolation), "it listens to "+subject)
			Expect(own.LastError()).To(MatchError(ContainSubstring(`"` + subject + `"`)))
		}
		bell, err := other.SubscribeSync(wire.Doorbell(neighbour))
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Flush()).To(Succeed())

		By("asking and ringing")
		revision, err := agent.platform.SetDesired(ctx, neighbour, map[string]json.RawMessage{"hostname": json.RawMessage(`{"name":"secret"}`)})
		Expect(err).NotTo(HaveOccurred())
		rung, err := bell.NextMsg(settleTimeout)
		Expect(err).NotTo(HaveOccurred())
		Expect(rung.Data).To(MatchJSON(`{"revision":1}`))
		forged, err := json.Marshal(state.Reported{Guest: neighbour, Revision: revision})
		Expect(err).NotTo(HaveOccurred())
		for _, subject := range []string{
			wire.Desired(neighbour), wire.Reported(neighbour), wire.Confirm(neighbour), wire.Key(neighbour), wire.Tasks(neighbour),
			wire.Chunks(neighbour), wire.Done(neighbour), wire.Doorbell(neighbour), wire.Taskbell(neighbour),
			wire.Doorbell(agent.id), wire.InboxPrefix(neighbour) + ".x", "$JS.API.INFO", "$SYS.REQ.SERVER.PING",
		} {
			m := nats.NewMsg(subject)
			m.Reply = wire.InboxPrefix(agent.id) + ".answer"
			m.Header.Set(wire.IDHeader, "forged")
			m.Data = forged
			Expect(own.PublishMsg(m)).To(Succeed())
			Expect(own.Flush()).To(Succeed())
			Expect(own.LastError()).To(MatchError(nats.ErrPermissionViolation), "it may write to "+subject)
			Expect(own.LastError()).To(MatchError(ContainSubstring(`"` + subject + `"`)))
		}
		_, reported := agent.platform.Reported(neighbour)
		Expect(reported).To(BeFalse(), "the platform took a report in another guest's name")

		By("having its own document sent to another guest")
		theirInbox, err := other.SubscribeSync(wire.InboxPrefix(neighbour) + ".>")
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Flush()).To(Succeed())
		request, err := json.Marshal(wire.Request{Protocol: wire.Protocol})
		Expect(err).NotTo(HaveOccurred())
		Expect(own.PublishRequest(wire.Desired(agent.id), wire.InboxPrefix(neighbour)+".x", request)).To(Succeed())

		By("doing what it may") // and the platform answers in the order of the questions
		answer, err := own.Request(wire.Desired(agent.id), request, settleTimeout)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Header.Get(wire.ErrorHeader)).To(BeEmpty())
		Expect(other.Flush()).To(Succeed())
		waiting, _, err := theirInbox.Pending()
		Expect(err).NotTo(HaveOccurred())
		Expect(waiting).To(BeZero(), "the platform spoke to another guest")
	}, SpecTimeout(2*settleTimeout))
})

// client is a NATS client with a guest's key that keeps to no rule of ours. It
// comes over the lab, as the guest does.
func client(j wire.Join) *nats.Conn {
	GinkgoHelper()
	pool, err := j.Pool()
	Expect(err).NotTo(HaveOccurred())
	pair, err := nkeys.FromSeed([]byte(j.Seed))
	Expect(err).NotTo(HaveOccurred())
	public, err := pair.PublicKey()
	Expect(err).NotTo(HaveOccurred())
	conn, err := nats.Connect("tls://"+j.Addresses[0],
		nats.Secure(&tls.Config{RootCAs: pool, ServerName: wire.ServerName, MinVersion: tls.VersionTLS13}),
		nats.TLSHandshakeFirst(), nats.Nkey(public, pair.Sign), nats.CustomInboxPrefix(wire.InboxPrefix(j.Guest)),
		nats.SetCustomDialer(labDialer{}), nats.SkipHostLookup(), nats.IgnoreDiscoveredServers(),
		nats.Timeout(wire.RequestTimeout), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // LastError tells
	)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	return conn
}

// labDialer connects from the lab's router.
type labDialer struct{}

// Dial implements nats.CustomDialer.
func (labDialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wire.RequestTimeout)
	defer cancel()
	return agent.lab.Dial(ctx, network, address)
}
