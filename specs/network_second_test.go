package specs

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/lab"
)

// smallMTU is the least that TrueNAS takes, and no system's own choice.
const smallMTU = 1492

// secondCard are the specs of a second card and the VLAN on it, once they are
// as chosen.
func secondCard(chosen func() []state.Interface) {
	It("answers at every fixed address of the second card", func(ctx SpecContext) {
		for _, a := range chosen()[0].Prefixes() {
			h := expectShake(ctx, "router", a.Addr())
			Expect(h.from).To(Equal(column.Lab.MAC(1)), "who answered at %s", a)
			Expect(h.vlan).To(BeZero())
		}
	}, SpecTimeout(settleTimeout))

	It("sends packets of the chosen MTU", func(ctx SpecContext) {
		for _, a := range chosen()[0].Prefixes() {
			Expect(expectShake(ctx, "router", a.Addr()).mss).To(BeEquivalentTo(smallMTU - headers(a.Addr())))
		}
	}, SpecTimeout(settleTimeout))

	It("answers what lies behind the gateway of a static route", func(ctx SpecContext) {
		for _, a := range chosen()[0].Prefixes() {
			expectShake(ctx, "far", a.Addr())
		}
	}, SpecTimeout(settleTimeout))

	It("is in a VLAN, with its tag on the wire", func(ctx SpecContext) {
		for _, a := range chosen()[1].Prefixes() {
			Expect(expectShake(ctx, "tagged", a.Addr()).vlan).To(BeEquivalentTo(lab.TaggedID))
		}
	}, SpecTimeout(settleTimeout))
}

// drift are the specs of what was changed by hand; none of them comes before
// the specs that want everything as chosen.
func drift(chosen func() state.Network) {
	gone := func() netip.Prefix { return chosen().Interfaces[1].Prefixes()[1] }

	It("names an address that was taken away by hand", func(ctx SpecContext) {
		takeAway(ctx, gone())
		Expect(foreseen(ctx, chosen())).To(ContainSubstring("lacks the address " + gone().String()))
	}, SpecTimeout(2*settleTimeout))

	It("has an address back that was taken away by hand", Label("soak"), func(ctx SpecContext) {
		report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), chosen())))
		expectNetwork(report)
		expectShake(ctx, "router", gone().Addr())
	}, SpecTimeout(3*settleTimeout))

	It("is gone when the card is set down, the VLAN with it", Label("soak"), func(ctx SpecContext) {
		down := state.Network{Interfaces: []state.Interface{{MAC: column.Lab.MAC(1), State: state.InterfaceDown}}}
		expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), down))))
		for _, i := range chosen().Interfaces[1:] {
			from := "router"
			if i.VLAN != nil {
				from = "tagged"
			}
			for _, a := range i.Prefixes() {
				_, err := shake(ctx, from, a.Addr())
				Expect(err).To(HaveOccurred(), "%s still answers", a)
			}
		}
		expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
	}, SpecTimeout(3*settleTimeout))
}

// whole are the second card and a VLAN on it, with everything that the system
// can do.
func whole() []state.Interface {
	card := state.Interface{
		MAC: column.Lab.MAC(1), MTU: smallMTU,
		Addresses: []string{within(lab.Second, 10), within(lab.Second, 11)},
		Routes:    []state.Route{{To: lab.Far.String(), Via: gateway(netip.Addr.Is4)}},
	}
	vlan := state.Interface{VLAN: &state.VLAN{On: card.MAC, ID: lab.TaggedID}, Addresses: []string{within(lab.Tagged, 10)}}
	if sys().Tools.Network.IPv6 {
		card.Addresses = append(card.Addresses, within(lab.Second6, 10), within(lab.Second6, 11))
		card.Routes = append(card.Routes, state.Route{To: lab.Far6.String(), Via: gateway(netip.Addr.Is6)})
		vlan.Addresses = append(vlan.Addresses, within(lab.Tagged6, 10))
	}
	return []state.Interface{card, vlan}
}

// within is the n-th address of a network, with its prefix.
func within(n netip.Prefix, number int) string {
	a := n.Addr()
	for range number {
		a = a.Next()
	}
	return netip.PrefixFrom(a, n.Bits()).String()
}

// gateway is the address of the lab's gateway to what is far.
func gateway(is func(netip.Addr) bool) string {
	GinkgoHelper()
	four, six, ok := lab.HostAddrs("gateway")
	Expect(ok).To(BeTrue())
	if is(four) {
		return four.String()
	}
	return six.String()
}

// headers are the bytes of an IP header and a TCP header without options.
func headers(a netip.Addr) int {
	if a.Is4() {
		return 20 + 20
	}
	return 40 + 20
}

func expectShake(ctx SpecContext, from string, to netip.Addr) (h handshake) {
	GinkgoHelper()
	Eventually(ctx, func(ctx context.Context) (err error) {
		h, err = shake(ctx, from, to)
		return err
	}).WithTimeout(settleTimeout/2).WithPolling(time.Second).Should(Succeed(), "from %s", from)
	return h
}

// foreseen is what the guest says would be changed, a line each.
func foreseen(ctx SpecContext, n state.Network) string {
	GinkgoHelper()
	return foresee(ctx, "network", n)
}

// takeAway removes an address with the system's own tool.
func takeAway(ctx SpecContext, address netip.Prefix) {
	GinkgoHelper()
	out, err := column.Guest.Run(ctx, "ip", "-o", "addr", "show", "to", address.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	words := strings.Fields(out.Stdout)
	at := slices.Index(words, address.String())
	Expect(at).To(BeNumerically(">=", 2), out.Stdout)
	_, err = column.Guest.Run(ctx, "ip", "addr", "del", address.String(), "dev", words[1])
	Expect(err).NotTo(HaveOccurred())
}
