package specs

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
)

var _ = Describe("plugins are processes", Label("plugin", "fault"), func() {
	// All kinds of mischief are done at once, beside a section that is to stay
	// as it is: a guest under emulation takes seconds for each start of a
	// process, and if each harms only its own section, all do.
	Context("of which many misbehave", Ordered, ContinueOnFailure, func() {
		var before state.Agent
		var report state.Reported

		BeforeAll(func(ctx SpecContext) {
			copyPlugin(ctx, "laggard")
			sections := hostname(named(ctx))
			sections["laggard"] = map[string]any{"do": "hang"}
			for _, kind := range []string{"crash", "flood", "eat", "fork"} {
				sections["mischief-"+kind] = map[string]any{"do": kind}
			}
			before = agent.now(ctx).Agent
			report = agent.settle(ctx, agent.choose(ctx, sections))
		}, NodeTimeout(3*settleTimeout))

		DescribeTable("one that misbehaves is found out",
			func(name, told string) {
				section := report.Sections[name]
				Expect(section.Status).To(Equal(state.Failed), section.Message)
				Expect(section.Message).To(MatchRegexp(told))
			},
			Entry("by crashing", "mischief-crash", `crash|signal|exit status|exited`),
			Entry("by hanging", "laggard", `deadline|within|too long`),
			Entry("by flooding its output", "mischief-flood", `output`),
			Entry("by eating memory", "mischief-eat", `memory`),
			Entry("by leaving processes behind", "mischief-fork", `crash|signal|exit status|exited`),
		)

		It("harms only its own section", func(ctx SpecContext) {
			Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
			now := agent.now(ctx).Agent
			Expect(now.PID).To(Equal(before.PID), "the daemon was started anew")
			Expect(now.Started).To(Equal(before.Started), "the daemon was started anew")
		}, SpecTimeout(settleTimeout))

		It("works on when the plugin behaves again, and nothing of it is left", func(ctx SpecContext) {
			report := agent.settle(ctx, agent.choose(ctx, map[string]any{"mischief-crash": map[string]any{"do": "ok"}}))
			section := report.Sections["mischief-crash"]
			Expect(section.Status).To(Equal(state.InSync), section.Message)

			// A try that had begun before may go on until its deadline; what is
			// left behind stays for ever.
			Eventually(ctx, func(g Gomega) {
				processes, err := column.Guest.Raw(ctx, sys().Tools.Processes...)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(processes.Stdout).To(ContainSubstring("guestd"), "the agent is not in the list of processes")
				g.Expect(processes.Stdout).NotTo(Or(ContainSubstring("mischief"), ContainSubstring("laggard")))
			}).WithTimeout(settleTimeout).WithPolling(time.Second).Should(Succeed())
		}, SpecTimeout(2*settleTimeout))
	})

	It("leaves one alone that keeps crashing, until the next revision", Label("soak"), func(ctx SpecContext) {
		agent.arm(ctx)
		revision := agent.choose(ctx, map[string]any{"mischief": map[string]any{"do": "crash"}})
		report := agent.await(ctx, 2*settleTimeout, "the quarantine", func(r state.Reported) bool {
			s := r.Sections["mischief"]
			return s.Revision == revision && strings.Contains(s.Message, "quarantine")
		})
		Expect(report.Sections["mischief"].Status).To(Equal(state.Failed))
		Expect(report.Sections["mischief"].Message).To(ContainSubstring("crashed 5 times"))

		report = agent.settle(ctx, agent.choose(ctx, map[string]any{"mischief": map[string]any{"do": "ok"}}))
		Expect(report.Sections["mischief"].Status).To(Equal(state.InSync), report.Sections["mischief"].Message)
	}, SpecTimeout(4*settleTimeout))
})

// copyPlugin installs the fault plugin under another of its names.
func copyPlugin(ctx SpecContext, name string) {
	GinkgoHelper()
	agent.arm(ctx)
	dir, exe := sys().Tools.PluginDir, suffix(sys().Tools.Agent)
	_, err := column.Guest.Raw(ctx, "cp", column.Guest.FilePath(join(dir, "mischief"+exe)), column.Guest.FilePath(join(dir, name+exe)))
	Expect(err).NotTo(HaveOccurred())
}
