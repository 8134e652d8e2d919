package specs

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab"
)

// One reboot serves several specs: it costs more than all of them together.
var _ = Describe("after a reboot", Ordered, Label("reboot"), func() {
	var (
		name     guest.Names
		revision uint64
		before   state.Agent
		logs     state.LogTarget
		clock    state.Time
		rebooted time.Time
	)

	BeforeAll(func(ctx SpecContext) {
		name = named(ctx)
		sections := hostname(name)
		if len(sys().Tools.Logging.Formats) > 0 {
			logs = target(protocols()[0])
			sections["logging"] = state.Logging{Targets: []state.LogTarget{logs}}
		}
		if len(sys().Tools.Time.Zone) > 0 {
			clock = usual()
			sections["time"] = clock
		}
		if sys().Tools.Network.Managed {
			chosen := state.Network{Interfaces: []state.Interface{card(kept)}}
			if sys().Tools.Network.OneLease {
				chosen.Interfaces = append(chosen.Interfaces, state.Interface{MAC: column.Lab.MAC(1), Addresses: []string{within(lab.Second, 10)}})
			}
			if sys().Tools.Network.OneAddress {
				chosen = alone()
			}
			sections["network"] = chosen
		}
		for section, is := range agent.settle(ctx, agent.choose(ctx, sections)).Sections {
			Expect(is.Status).To(Equal(state.InSync), "%s: %s", section, is.Message)
		}
		now := agent.now(ctx)
		revision, before = now.Revision, now.Agent
		// A system that asks the server of DHCP first turns to the chosen one.
		column.Lab.NTP().Lose(true)
		DeferCleanup(func() { column.Lab.NTP().Lose(false) })
		rebooted = time.Now()
		reboot(ctx)
	}, NodeTimeout(rebootTimeout+3*settleTimeout))

	It("guestd is started by the system", Label("service"), func(ctx SpecContext) {
		report := agent.awaitStart(ctx, before)
		Expect(report.System.Name).To(Equal(sys().Name))
		Expect(column.Guest.Observe(ctx, sys().Tools.Service, guest.Names{})).To(Succeed())
	}, SpecTimeout(2*startTimeout))

	It("the host name is kept, and nothing is left to change", Label("hostname"), func(ctx SpecContext) {
		agent.awaitStart(ctx, before)
		report := agent.settle(ctx, revision)
		Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
		Expect(report.Sections["hostname"].Changes).To(BeEmpty())
		expectName(ctx, name, true)
	}, SpecTimeout(2*startTimeout))

	if sys().Tools.Network.Managed {
		It("the network is as it was chosen, and nothing is left to change", Label("network"), func(ctx SpecContext) {
			agent.awaitStart(ctx, before)
			report := agent.settle(ctx, revision)
			expectNetwork(report)
			Expect(report.Sections["network"].Changes).To(BeEmpty())
			if !sys().Tools.Network.OneAddress {
				expectAnswers(ctx, kept)
				return
			}
			Expect(expectShake(ctx, "router", column.Lab.GuestAddr()).mss).To(BeEquivalentTo(smallMTU - headers(column.Lab.GuestAddr())))
		}, SpecTimeout(2*startTimeout))
	}

	if len(sys().Tools.Logging.Formats) > 0 {
		It("the log goes where it was chosen, and nothing is left to change", Label("logging"), func(ctx SpecContext) {
			agent.awaitStart(ctx, before)
			report := agent.settle(ctx, revision)
			expectInSync(report)
			Expect(report.Sections["logging"].Changes).To(BeEmpty())
			text := record("after a reboot")
			writeLog(ctx, "local3", "warning", text)
			awaitRecord(ctx, logs.Protocol, text)
		}, SpecTimeout(2*startTimeout))
	}

	if len(sys().Tools.Time.Zone) > 0 {
		It("the zone and the servers are kept, and nothing is left to change", Label("time"), func(ctx SpecContext) {
			agent.awaitStart(ctx, before)
			report := agent.settle(ctx, revision)
			expectTimed(report)
			Expect(report.Sections["time"].Changes).To(BeEmpty())
			expectZone(ctx, clock.Zone)
			if len(clock.Servers) > 0 {
				expectFollows(ctx, clock.Servers...)
				_, err := column.Lab.Clock().WaitRequest(ctx, func(r lab.TimeRequest) bool { return r.At.After(rebooted) })
				Expect(err).NotTo(HaveOccurred())
			}
		}, SpecTimeout(2*startTimeout))
	}
})
