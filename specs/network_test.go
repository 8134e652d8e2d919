package specs

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab"
)

const (
	// beside and kept are addresses of the lab's network that no lease has.
	beside = "198.51.100.200/24"
	kept   = "198.51.100.201/24" // across a reboot
	// nowhere is one of a network that the lab has not.
	nowhere = "203.0.113.9/24"
)

var _ = Describe("network", Label("network"), func() {
	if !sys().Tools.Network.Managed {
		It("is told to be unsupported, and nothing is touched", func(ctx SpecContext) {
			report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), state.Network{Interfaces: []state.Interface{card(beside)}})))
			Expect(report.Sections["network"].Status).To(Equal(state.Unsupported), report.Sections["network"].Message)
			Expect(answers(ctx, beside)).NotTo(Succeed())
		}, SpecTimeout(2*settleTimeout))
		return
	}

	if sys().Tools.Network.OneAddress {
		return // specs/network_one_test.go
	}

	Context("of two cards", Ordered, ContinueOnFailure, func() {
		var wanted state.Network

		BeforeAll(func() {
			server, _, ok := lab.HostAddrs("dns")
			Expect(ok).To(BeTrue())
			wanted = state.Network{
				// The platform is reached through the first card; the second is the specs' own.
				Interfaces: append([]state.Interface{card(beside)}, whole()...),
				DNS:        &state.DNS{Servers: []string{server.String()}, Search: []string{"test"}},
			}
		})

		It("has a fixed address beside the one of DHCP, and finds names in a search domain", func(ctx SpecContext) {
			Expect(answers(ctx, beside)).NotTo(Succeed(), "somebody has the address already")
			Expect(lookup(ctx, "log.lab")).To(BeEmpty(), "the name is found without the domain")
			report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), wanted)))
			expectNetwork(report)
			Expect(report.Sections["network"].Changes).NotTo(BeEmpty())
			expectAnswers(ctx, beside)
			expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
			log, _, ok := lab.HostAddrs("log")
			Expect(ok).To(BeTrue())
			Expect(lookup(ctx, "log.lab")).To(ContainSubstring(log.String()))
		}, SpecTimeout(3*settleTimeout))

		secondCard(func() []state.Interface { return wanted.Interfaces[1:] })

		It("is not touched when the same is chosen again", func(ctx SpecContext) {
			report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), wanted)))
			expectNetwork(report)
			Expect(report.Sections["network"].Changes).To(BeEmpty())
		}, SpecTimeout(2*settleTimeout))

		drift(func() state.Network { return wanted })

		It("is as it was when its gateway is a wrong one", Label("fault"), func(ctx SpecContext) {
			// So short a prefix leaves all hosts of the lab behind the gateway.
			guest := column.Lab.GuestAddr()
			expectUndoneNetwork(ctx, state.Interface{
				MAC:       column.Lab.MAC(0),
				Addresses: []string{netip.PrefixFrom(guest, 29).String()}, Gateway4: guest.Next().String(),
			})
		}, SpecTimeout(3*settleTimeout))

		It("is as it was when its address is one of no network here", Label("fault", "soak"), func(ctx SpecContext) {
			expectUndoneNetwork(ctx, state.Interface{MAC: column.Lab.MAC(0), Addresses: []string{nowhere}})
		}, SpecTimeout(3*settleTimeout))

		It("is refused with the field's path if it is not there", func(ctx SpecContext) {
			absent := card(beside)
			absent.MAC = "52:54:00:00:00:01"
			report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), state.Network{Interfaces: []state.Interface{absent}})))
			Expect(report.Sections["network"].Status).To(Equal(state.Failed), report.Sections["network"].Message)
			Expect(report.Sections["network"].Message).To(HavePrefix("network.interfaces[0].mac: "))
			expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
		}, SpecTimeout(2*settleTimeout))

		It("has an address no more that is not chosen", Label("soak"), func(ctx SpecContext) {
			expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), state.Network{Interfaces: []state.Interface{card(beside)}}))))
			expectAnswers(ctx, beside)
			expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), state.Network{Interfaces: []state.Interface{card()}}))))
			Expect(answers(ctx, beside)).NotTo(Succeed(), "the address is still there")
			expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
		}, SpecTimeout(4*settleTimeout))

		It("goes from DHCP to fixed addresses and back", Label("soak"), func(ctx SpecContext) {
			router, _, ok := lab.HostAddrs("router")
			Expect(ok).To(BeTrue())
			leased := column.Lab.GuestAddr().String() + "/24"
			fixed := state.Interface{MAC: column.Lab.MAC(0), Addresses: []string{leased, beside}, Gateway4: router.String(), MTU: 1400}
			// Without DHCP nobody else says where the platform's name is looked up.
			alone := state.Network{Interfaces: []state.Interface{fixed}, DNS: wanted.DNS}
			expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), alone))))
			expectAnswers(ctx, beside)
			expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), state.Network{Interfaces: []state.Interface{card()}}))))
			Expect(answers(ctx, beside)).NotTo(Succeed(), "the address is still there")
			expectAnswers(ctx, leased)
		}, SpecTimeout(4*settleTimeout))
	})
})

// card is the guest's one card with DHCP and these addresses.
func card(addresses ...string) state.Interface {
	return state.Interface{MAC: column.Lab.MAC(0), DHCP4: true, Addresses: addresses}
}

func network(name guest.Names, n state.Network) map[string]any {
	sections := hostname(name)
	sections["network"] = n
	return sections
}

func expectNetwork(r state.Reported) {
	GinkgoHelper()
	Expect(r.Sections["network"].Status).To(Equal(state.InSync), r.Sections["network"].Message)
}

// expectUndoneNetwork has the platform want an interface over which it is not
// reached, and expects the guest to be back.
func expectUndoneNetwork(ctx SpecContext, i state.Interface) {
	GinkgoHelper()
	raw, err := json.Marshal(state.Network{Interfaces: []state.Interface{i}})
	Expect(err).NotTo(HaveOccurred())
	revision, err := agent.platform.SetDocument(ctx, agent.id, state.Desired{
		Sections: map[string]json.RawMessage{"network": raw}, ConfirmSeconds: int(confirmWindow.Seconds()),
	})
	Expect(err).NotTo(HaveOccurred())
	report := agent.await(ctx, settleTimeout, "the change undone", func(r state.Reported) bool {
		return r.Sections["network"].Revision == revision && r.Sections["network"].Status == state.RolledBack
	})
	Expect(report.Sections["network"].Message).To(ContainSubstring("confirm"))
	expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
}

// answers connects from the lab to the guest's ssh at an address.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := column.Lab.Dial(ctx, "tcp", net.JoinHostPort(netip.MustParsePrefix(address).Addr().String(), "22"))
	if err != nil {
		return err
	}
	return conn.Close()
}

func expectAnswers(ctx SpecContext, address string) {
	GinkgoHelper()
	Eventually(ctx, func(ctx context.Context) error { return answers(ctx, address) }).WithTimeout(settleTimeout / 2).WithPolling(time.Second).Should(Succeed())
}

// lookup is what the system's own programs find for a name, empty for nothing.
func lookup(ctx SpecContext, name string) string {
	GinkgoHelper()
	var argv []string
	for _, word := range sys().Tools.Network.Lookup {
		argv = append(argv, strings.ReplaceAll(word, "{{name}}", name))
	}
	out, err := column.Guest.Run(ctx, argv...)
	if err != nil {
		return ""
	}
	return out.Stdout
}
