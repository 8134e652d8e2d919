package specs

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

var _ = Describe("plugins are processes", Label("plugin", "fault"), func() {
	DescribeTable("one that misbehaves harms only its own section",
		func(ctx SpecContext, mischief, told string) {
			before := agent.now(ctx).Agent
			name := guest.Names{Name: names("calm"), Domain: "lab.test"}
			sections := hostname(name)
			sections["mischief"] = map[string]any{"do": mischief}

			report := agent.settle(ctx, agent.choose(ctx, sections))
			Expect(report.Sections["mischief"].Status).To(Equal(state.Failed), report.Sections["mischief"].Message)
			Expect(report.Sections["mischief"].Message).To(MatchRegexp(told))
			Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
			expectName(ctx, name, false)
			Expect(report.Agent.PID).To(Equal(before.PID), "the daemon was started anew")
			Expect(report.Agent.Started).To(Equal(before.Started), "the daemon was started anew")
		},
		Entry("by crashing", SpecTimeout(2*settleTimeout), "crash", `crash|signal|exit status|exited`),
		Entry("by hanging", SpecTimeout(2*settleTimeout), "hang", `deadline|within|too long`),
		Entry("by flooding its output", SpecTimeout(2*settleTimeout), "flood", `output`),
		Entry("by eating memory", SpecTimeout(2*settleTimeout), "eat", `memory`),
	)

	It("works on when the plugin behaves again", func(ctx SpecContext) {
		agent.settle(ctx, agent.choose(ctx, map[string]any{"mischief": map[string]any{"do": "crash"}}))
		report := agent.settle(ctx, agent.choose(ctx, map[string]any{"mischief": map[string]any{"do": "ok"}}))
		Expect(report.Sections["mischief"].Status).To(Equal(state.InSync), report.Sections["mischief"].Message)
	}, SpecTimeout(3*settleTimeout))
})
