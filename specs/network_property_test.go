package specs

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/lab"
)

// The documents follow from Ginkgo's seed, which the report tells.
var _ = Describe("any network", Label("network"), Ordered, ContinueOnFailure, func() {
	if !sys().Tools.Network.Managed || sys().Tools.Network.OneAddress {
		return // specs/network_test.go and network_one_test.go see it refused
	}
	const allInvalid, allValid = 50, 10
	draw := func() *rand.Rand { return rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 4)) }

	It("of fifty that are invalid is refused with the field's path, and nothing is touched", func(ctx SpecContext) {
		refuse(ctx, draw(), allInvalid)
	}, SpecTimeout(3*settleTimeout))

	It("of ten that are valid is what the system then has", Label("soak"), func(ctx SpecContext) {
		r := draw()
		DeferCleanup(func(ctx SpecContext) {
			down := state.Network{Interfaces: []state.Interface{{MAC: column.Lab.MAC(1), State: state.InterfaceDown}}}
			expectNetwork(agent.settle(ctx, agent.choose(ctx, network(named(ctx), down))))
		})
		for n := range allValid {
			chosen := anyNetwork(r)
			text, err := json.Marshal(chosen)
			Expect(err).NotTo(HaveOccurred())
			GinkgoWriter.Printf("document %d: %s\n", n, text)
			report := agent.settle(ctx, agent.choose(ctx, network(named(ctx), chosen)))
			Expect(report.Sections["network"].Status).To(Equal(state.InSync), "%s: %s", text, report.Sections["network"].Message)
			expectObserved(ctx, chosen, string(text))
		}
		expectAnswers(ctx, column.Lab.GuestAddr().String()+"/24")
	}, SpecTimeout(allValid*settleTimeout))
})

// refuse has the platform want invalid documents, as many as count.
func refuse(ctx SpecContext, r *rand.Rand, count int) {
	GinkgoHelper()
	name, before := named(ctx), observed(ctx)
	for range count {
		chosen, path := spoilt(r)
		text, err := json.Marshal(chosen)
		Expect(err).NotTo(HaveOccurred())
		refused := agent.choose(ctx, network(name, chosen))
		report := agent.await(ctx, settleTimeout, "a refusal of "+string(text), func(r state.Reported) bool {
			return r.Refused != nil && r.Refused.Revision == refused
		})
		Expect(report.Refused.Reasons).To(ContainElement(HavePrefix(path+": ")), "%s", text)
		Expect(report.Revision).To(BeNumerically("<", refused), "%s", text)
	}
	Expect(observed(ctx)).To(Equal(before))
}

// anyNetwork is a network of the second card that every system can do.
func anyNetwork(r *rand.Rand) state.Network {
	card := state.Interface{MAC: column.Lab.MAC(1)}
	if r.IntN(10) == 0 {
		card.State = state.InterfaceDown
		return state.Network{Interfaces: []state.Interface{card}}
	}
	if r.IntN(2) == 0 {
		card.MTU = 1300 + uint32(r.IntN(200))
	}
	card.Addresses = some(r, lab.Second, 1)
	if r.IntN(2) == 0 {
		card.Routes = append(card.Routes, state.Route{To: lab.Far.String(), Via: gateway(netip.Addr.Is4)})
	}
	if r.IntN(2) == 0 {
		card.Routes = append(card.Routes, state.Route{To: "10.0.0.0/8", Via: lab.Second.Addr().Next().Next().Next().String(), Metric: 1 + uint32(r.IntN(500))})
	}
	if sys().Tools.Network.IPv6 && r.IntN(2) == 0 {
		card.Addresses = append(card.Addresses, some(r, lab.Second6, 1)...)
		card.Routes = append(card.Routes, state.Route{To: lab.Far6.String(), Via: gateway(netip.Addr.Is6)})
	}
	n := state.Network{Interfaces: []state.Interface{card}}
	for _, id := range r.Perm(4000)[:r.IntN(3)] {
		vlan := state.Interface{VLAN: &state.VLAN{On: card.MAC, ID: 1 + uint32(id)}}
		vlan.Addresses = []string{fmt.Sprintf("10.%d.%d.%d/24", 128+len(n.Interfaces), r.IntN(256), 1+r.IntN(254))}
		if card.MTU != 0 && r.IntN(2) == 0 {
			vlan.MTU = card.MTU - uint32(r.IntN(20))
		}
		n.Interfaces = append(n.Interfaces, vlan)
	}
	return n
}

// some are addresses of a network, at least so many and at most three.
func some(r *rand.Rand, network netip.Prefix, least int) []string {
	var all []string
	for _, number := range r.Perm(40)[:least+r.IntN(4-least)] {
		all = append(all, within(network, 10+number))
	}
	return all
}

// spoilt is a network with one fault, and the path of the field that has it.
func spoilt(r *rand.Rand) (n state.Network, path string) {
	n = anyNetwork(r)
	for n.Interfaces[0].Down() {
		n = anyNetwork(r)
	}
	card := &n.Interfaces[0]
	const of = "network.interfaces[0]"
	faults := map[string]func(){
		of:          func() { card.Name = "eth0" },
		of + ".mac": func() { card.MAC = "52:54:00:00:77"; n.Interfaces = n.Interfaces[:1] },
		of + ".addresses[0]": func() {
			card.Addresses[0] = oneOf(r, "10.0.0.300/24", "192.0.2.10", "192.0.2.10/33", "192.0.2.0/26", "192.0.2.63/26", "127.0.0.1/8", "::ffff:192.0.2.10/120")
		},
		of + ".state":    func() { card.State = oneOf(r, "off", "down") },
		of + ".mtu":      func() { card.MTU = 1 + uint32(r.IntN(575)) + 10000*uint32(r.IntN(2)) },
		of + ".gateway4": func() { card.Gateway4 = oneOf(r, "router", "203.0.113.1", "2001:db8::1", "224.0.0.1") },
		of + ".routes[0].to": func() {
			card.Routes = append([]state.Route{{To: oneOf(r, "default", "0.0.0.0/0", "198.51.100.1/24", "224.0.0.0/8"), Via: gateway(netip.Addr.Is4)}}, card.Routes...)
		},
		of + ".routes[0].via": func() {
			card.Routes = append([]state.Route{{To: "10.1.0.0/16", Via: oneOf(r, "", "203.0.113.1", "2001:db8::1", "0.0.0.0")}}, card.Routes...)
		},
		"network.dns.servers[0]": func() { n.DNS = &state.DNS{Servers: []string{oneOf(r, "dns.lab.test", "0.0.0.0", "10.0.0.300")}} },
		"network.dns.search[0]":  func() { n.DNS = &state.DNS{Search: []string{oneOf(r, "", "a..test", "a.test.", "a_b.test")}} },
	}
	path = oneOf(r, slices.Sorted(maps.Keys(faults))...)
	faults[path]()
	return n, path
}

func oneOf(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

// observed is what the system's own tool says of all interfaces, without what
// counts down or comes by itself.
func observed(ctx SpecContext) string {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, "ip -o link | awk '{print $2, $4, $5}'; ip -br addr show scope global; ip -4 route; ip -6 route | grep ' via ' | sed 's/ expires .*//'; true")
	Expect(err).NotTo(HaveOccurred())
	return out.Stdout
}

// expectObserved holds what the system's own tool says of the second card and
// the VLANs on it to a document.
func expectObserved(ctx SpecContext, n state.Network, document string) {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, "ip -o link")
	Expect(err).NotTo(HaveOccurred())
	links := map[string]string{} // by name, with what is below
	for line := range strings.Lines(out.Stdout) {
		if words := strings.Fields(line); strings.Contains(line, "link/ether "+column.Lab.MAC(1)) {
			links[strings.TrimSuffix(words[1], ":")] = line
		}
	}
	names := slices.SortedFunc(maps.Keys(links), func(a, b string) int { return len(a) - len(b) })
	Expect(names).To(HaveLen(len(n.Interfaces)), "the card and its VLANs: %s", document)
	device := names[0]
	for _, i := range n.Interfaces {
		is := device
		if i.VLAN != nil {
			is = fmt.Sprintf("%s.%d", device, i.VLAN.ID)
			Expect(links).To(HaveKey(is+"@"+device), document)
		}
		link := links[device]
		if i.VLAN != nil {
			link = links[is+"@"+device]
		}
		if i.MTU != 0 {
			Expect(link).To(ContainSubstring(fmt.Sprintf(" mtu %d ", i.MTU)), document)
		}
		if !i.Down() {
			Expect(link).To(MatchRegexp(`<[A-Z_,]*\bUP\b`), document)
		}
		Expect(words(ctx, 3, "ip -o addr show scope global dev "+is)).To(ConsistOf(i.Addresses), document)
		var routes []string
		for _, r := range i.Routes {
			routes = append(routes, r.To+" "+r.Via)
		}
		Expect(routesOf(ctx, is)).To(ConsistOf(routes), document)
	}
}

// words are the words at an index of a command's lines.
func words(ctx SpecContext, index int, command string) []string {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, command)
	Expect(err).NotTo(HaveOccurred())
	all := []string{}
	for line := range strings.Lines(out.Stdout) {
		if w := strings.Fields(line); len(w) > index {
			all = append(all, w[index])
		}
	}
	return all
}

// routesOf are a device's routes through a gateway, each with it.
func routesOf(ctx SpecContext, device string) []string {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, fmt.Sprintf("ip -4 route show dev %[1]s; ip -6 route show dev %[1]s", device))
	Expect(err).NotTo(HaveOccurred())
	all := []string{}
	for line := range strings.Lines(out.Stdout) {
		if w := strings.Fields(line); len(w) > 2 && w[1] == "via" {
			all = append(all, w[0]+" "+w[2])
		}
	}
	return all
}
