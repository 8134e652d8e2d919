package specs

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

var _ = Describe("the line to the platform", Label("link", "hostname", "fault"), func() {
	It("comes back by itself when the platform was gone, and brings what was chosen meanwhile", func(ctx SpecContext) {
		before := agent.now(ctx).Agent
		name := guest.Names{Name: names("back"), Domain: "lab.test"}
		agent.hangUp()
		DeferCleanup(agent.pickUp)
		revision := agent.choose(ctx, hostname(name))
		agent.pickUp()

		report := agent.settle(ctx, revision)
		Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
		expectName(ctx, name, false)
		Expect(report.Agent.PID).To(Equal(before.PID), "the daemon was started anew")
	}, SpecTimeout(3*settleTimeout))

	It("keeps what was accepted in force while the platform is gone, across a restart of the service", func(ctx SpecContext) {
		name := named(ctx)
		now := agent.now(ctx)
		revision, before := now.Revision, now.Agent
		agent.hangUp()
		DeferCleanup(agent.pickUp)
		_, err := column.Guest.Raw(ctx, sys().Tools.RestartService...)
		Expect(err).NotTo(HaveOccurred())
		expectName(ctx, name, false)
		agent.pickUp()

		report := agent.awaitStart(ctx, before)
		Expect(report.Revision).To(Equal(revision), "the document was kept on disk")
	}, SpecTimeout(3*settleTimeout))
})
