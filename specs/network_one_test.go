package specs

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/lab"
)

// Where an interface has one address only, it is the platform's line as well.
var _ = Describe("the network of one address", Label("network"), Ordered, ContinueOnFailure, func() {
	if !sys().Tools.Network.OneAddress {
		return // specs/network_test.go
	}

	It("is fixed, with its gateway, MTU and name server", func(ctx SpecContext) {
		began := time.Now()
		expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), alone()))))
		h := expectShake(ctx, "router", column.Lab.GuestAddr())
		Expect(h.mss).To(BeEquivalentTo(smallMTU - headers(column.Lab.GuestAddr())))
		log, _, ok := lab.HostAddrs("log")
		Expect(ok).To(BeTrue())
		Expect(lookup(ctx, "log.lab.test")).To(ContainSubstring(log.String()))
		for _, lease := range column.Lab.DHCP().Leases() {
			Expect(lease.At).To(BeTemporally("<", began), "DHCP was asked still")
		}
		Expect(foreseen(ctx, alone())).To(BeEmpty())
	}, SpecTimeout(3*settleTimeout))

	It("is as it was when its gateway is a wrong one", Label("fault"), func(ctx SpecContext) {
		guest := column.Lab.GuestAddr()
		expectUndoneNetwork(ctx, state.Interface{
			MAC: column.Lab.MAC(0), Addresses: []string{netip.PrefixFrom(guest, 29).String()}, Gateway4: guest.Next().String(),
		})
	}, SpecTimeout(3*settleTimeout))

	It("refuses with the field's path what it has not, and touches nothing", func(ctx SpecContext) {
		two := alone()
		two.Interfaces[0].Addresses = append(two.Interfaces[0].Addresses, beside)
		report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), two)))
		Expect(report.Sections["network"].Status).To(Equal(state.Unsupported), report.Sections["network"].Message)
		Expect(report.Sections["network"].Message).To(HavePrefix("network.interfaces[0].addresses[1]: "))
		Expect(answers(ctx, beside)).NotTo(Succeed())
	}, SpecTimeout(2*settleTimeout))

	It("comes from DHCP again", func(ctx SpecContext) {
		began := time.Now()
		leased := state.Network{Interfaces: []state.Interface{card()}, DNS: &state.DNS{}}
		expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), leased))))
		_, err := column.Lab.DHCP().WaitRequest(ctx, func(r lab.DHCPRequest) bool { return r.At.After(began) && r.Answer == "ACK" })
		Expect(err).NotTo(HaveOccurred())
		h := expectShake(ctx, "router", column.Lab.GuestAddr())
		Expect(h.mss).To(BeEquivalentTo(1500 - headers(column.Lab.GuestAddr())))
	}, SpecTimeout(3*settleTimeout))
})

// alone is the leased address, fixed.
func alone() state.Network {
	GinkgoHelper()
	router, _, ok := lab.HostAddrs("router")
	Expect(ok).To(BeTrue())
	server, _, ok := lab.HostAddrs("dns")
	Expect(ok).To(BeTrue())
	return state.Network{
		Interfaces: []state.Interface{{
			MAC: column.Lab.MAC(0), MTU: smallMTU, Gateway4: router.String(),
			Addresses: []string{netip.PrefixFrom(column.Lab.GuestAddr(), lab.Subnet.Bits()).String()},
		}},
		DNS: &state.DNS{Servers: []string{server.String()}},
	}
}
