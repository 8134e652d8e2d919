package specs

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

// One reboot serves several specs: it costs more than all of them together.
var _ = Describe("after a reboot", Ordered, Label("reboot"), func() {
	var (
		name     guest.Names
		revision uint64
		before   state.Agent
	)

	BeforeAll(func(ctx SpecContext) {
		name = named(ctx)
		now := agent.now(ctx)
		revision, before = now.Revision, now.Agent
		reboot(ctx)
	}, NodeTimeout(rebootTimeout+settleTimeout))

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
})
