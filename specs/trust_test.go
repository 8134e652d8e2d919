package specs

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/platform/identity"
)

// forgery makes what an impostor says. It gets the platform's identity, the
// newest document that the guest has accepted, and a name that the host must
// not take.
type forgery func(id identity.Identity, inForce state.Desired, name string) []byte

var _ = Describe("a document that is not the platform's next for this guest", Label("trust", "fault"), func() {
	// One impostor says it all on one connection: to reconnect costs a guest
	// under emulation more than all that is said.
	Context("is refused, told, and nothing is touched:", Ordered, ContinueOnFailure, func() {
		var (
			name          guest.Names
			before        state.Reported
			earlier, last state.Desired
			stamps        string
			other         *impostor
		)

		const bound = SpecTimeout(settleTimeout)

		BeforeAll(func(ctx SpecContext) {
			name = named(ctx)
			earlier = chosen(ctx)
			// The same once more under a newer revision: a replay is then an older one.
			before = agent.settle(ctx, agent.choose(ctx, hostname(name)))
			last = chosen(ctx)
			stamps = written(ctx)
			other = usurp(ctx)
		}, NodeTimeout(4*settleTimeout))

		DescribeTable("one that is",
			func(ctx SpecContext, forge forgery, once bool, revision func() uint64, reason string) {
				other.say(forge(platformIdentity(), last, names("forged")), once)
				report := other.refusal(ctx, revision(), reason)
				Expect(report.Agent.PID).To(Equal(before.Agent.PID), "the daemon was started anew")
				Expect(report.Revision).To(Equal(before.Revision), "the last good document stays in force")
			},
			Entry("signed by another key", bound, forgery(func(_ identity.Identity, d state.Desired, name string) []byte {
				return sealed(stranger(), renamed(d, name))
			}), false, nothing, `signature is not the platform's`),
			Entry("replayed", bound, forgery(func(id identity.Identity, _ state.Desired, _ string) []byte {
				return sealed(id.Signing, document(earlier))
			}), false, func() uint64 { return earlier.Revision }, `is older than \d+, which is in force`),
			Entry("older, and never sent before", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				d.Revision -= 3 // which renamed makes 2
				return sealed(id.Signing, renamed(d, name))
			}), false, func() uint64 { return last.Revision - 2 }, `is older than \d+, which is in force`),
			Entry("altered under its signature", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				return altered(sealed(id.Signing, document(d)), renamed(d, name))
			}), false, nothing, `signature is not the platform's`),
			Entry("for another guest", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				d.Guest = "neighbour"
				return sealed(id.Signing, renamed(d, name))
			}), false, next(&last), `"neighbour" is another guest`),
			Entry("truncated", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				whole := sealed(id.Signing, renamed(d, name))
				return whole[:len(whole)*2/3]
			}), false, nothing, `not a signed document: it ends too early`),
			Entry("truncated before it was signed", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				whole := renamed(d, name)
				return sealed(id.Signing, whole[:len(whole)*2/3])
			}), false, nothing, `is not JSON: it ends too early`),
			Entry("nested 100,000 deep", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				return sealed(id.Signing, deep(renamed(d, name), 100_000))
			}), false, nothing, `deeper than 32`),
			Entry("nested a little too deep", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				return sealed(id.Signing, deep(renamed(d, name), 40))
			}), false, next(&last), `deeper than 32`),
			Entry("a byte larger than is read", bound, forgery(func(id identity.Identity, d state.Desired, name string) []byte {
				whole := renamed(d, name)
				return sealed(id.Signing, append(whole, bytes.Repeat([]byte(" "), state.MaxDocument+1-len(whole))...))
			}), false, next(&last), `at most 1048576 are read`),
			Entry("of 64 MiB", bound, forgery(func(identity.Identity, state.Desired, string) []byte {
				return bytes.Repeat([]byte(" "), 64<<20)
			}), true, nothing, `67108864 bytes; at most 2097152 are read`),
		)

		It("and after all of them the machine is as before", func(ctx SpecContext) {
			Expect(written(ctx)).To(Equal(stamps), "something was written")
			expectName(ctx, name, false)
		}, SpecTimeout(settleTimeout))
	})

	It("is one that a key signed which the platform has given up", func(ctx SpecContext) {
		name := named(ctx)
		old := platformIdentity()
		Expect(agent.platform.RotateKey()).To(Succeed())
		report := agent.settle(ctx, agent.choose(ctx, hostname(name)))
		Expect(report.Refused).To(BeNil(), "the guest follows its platform's new key")
		stamps, d := written(ctx), chosen(ctx)

		other := usurp(ctx)
		d.Revision++
		other.say(sealed(old.Signing, renamed(d, names("stale"))), false)
		report = other.refusal(ctx, nothing(), `signature is not the platform's`)
		Expect(report.Revision).To(Equal(d.Revision - 1))
		Expect(written(ctx)).To(Equal(stamps), "something was written")
	}, SpecTimeout(4*settleTimeout))
})

// nothing is the revision of what is not to be believed.
func nothing() uint64 { return 0 }

// next is the revision after that of the document in force.
func next(d *state.Desired) func() uint64 { return func() uint64 { return d.Revision + 1 } }

// chosen is the newest document of the guest under test.
func chosen(ctx SpecContext) state.Desired {
	GinkgoHelper()
	d, ok, err := agent.platform.Desired(ctx, agent.id)
	Expect(err).NotTo(HaveOccurred())
	Expect(ok).To(BeTrue(), "nothing was chosen yet")
	return d
}

func document(d state.Desired) []byte {
	GinkgoHelper()
	raw, err := json.Marshal(d)
	Expect(err).NotTo(HaveOccurred())
	return raw
}

// renamed is the document after d with another host name.
func renamed(d state.Desired, name string) []byte {
	GinkgoHelper()
	value, err := json.Marshal(state.Hostname{Name: name})
	Expect(err).NotTo(HaveOccurred())
	d.Revision++
	d.Sections = map[string]json.RawMessage{"hostname": value}
	return document(d)
}

// deep adds a section to the document that is that many objects in each other.
func deep(document []byte, levels int) []byte {
	section := fmt.Sprintf(`"sections":{"x":%s{}%s,`, strings.Repeat(`{"y":`, levels), strings.Repeat("}", levels))
	return bytes.Replace(document, []byte(`"sections":{`), []byte(section), 1)
}

func sealed(key ed25519.PrivateKey, document []byte) []byte {
	GinkgoHelper()
	raw, err := wire.Seal(key, document)
	Expect(err).NotTo(HaveOccurred())
	return raw
}

// altered puts another document into an envelope and leaves the signature.
func altered(envelope, document []byte) []byte {
	GinkgoHelper()
	var e map[string][]byte
	Expect(json.Unmarshal(envelope, &e)).To(Succeed())
	e["document"] = document
	raw, err := json.Marshal(e)
	Expect(err).NotTo(HaveOccurred())
	return raw
}

// stranger is a key that no platform has.
func stranger() ed25519.PrivateKey {
	GinkgoHelper()
	_, key, err := ed25519.GenerateKey(nil)
	Expect(err).NotTo(HaveOccurred())
	return key
}
