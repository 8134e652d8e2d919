package specs

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/images/system"
)

var _ = Describe("hostname", Label("hostname", "smoke"), func() {
	It("sets a name that the system's own tools then tell", func(ctx SpecContext) {
		name := guest.Names{Name: names("inn"), Domain: "lab.test"}
		report := agent.settle(ctx, agent.choose(ctx, hostname(name)))
		Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
		Expect(report.Sections["hostname"].Changes).NotTo(BeEmpty())
		expectName(ctx, name, false)
	}, SpecTimeout(2*settleTimeout))

	It("writes nothing when the same name is chosen again", func(ctx SpecContext) {
		name := named(ctx)
		before := written(ctx)
		Expect(before).NotTo(BeEmpty())

		report := agent.settle(ctx, agent.choose(ctx, hostname(name)))
		Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
		Expect(report.Sections["hostname"].Changes).To(BeEmpty())
		Expect(written(ctx)).To(Equal(before), "something was written")
	}, SpecTimeout(3*settleTimeout))

	It("refuses an invalid name with the field's path and keeps the old one", func(ctx SpecContext) {
		name := named(ctx)
		accepted := agent.now(ctx).Revision

		refused := agent.choose(ctx, map[string]any{"hostname": state.Hostname{Name: "under_score", Domain: "lab.test"}})
		report := agent.await(ctx, settleTimeout, "a refusal", func(r state.Reported) bool {
			return r.Refused != nil && r.Refused.Revision == refused
		})
		Expect(report.Refused.Reasons).To(ContainElement(HavePrefix("hostname.name: ")))
		Expect(report.Revision).To(Equal(accepted), "the last good document stays in force")
		expectName(ctx, name, false)
	}, SpecTimeout(3*settleTimeout))
})

// written tells what would differ had anything been written.
func written(ctx SpecContext) string {
	GinkgoHelper()
	stamps, err := column.Guest.Stamps(ctx, sys().Tools.HostnameFiles)
	Expect(err).NotTo(HaveOccurred())
	if len(sys().Tools.HostnameState) == 0 {
		return stamps
	}
	out, err := column.Guest.Run(ctx, sys().Tools.HostnameState...)
	Expect(err).NotTo(HaveOccurred())
	return stamps + out.Stdout
}

// named tells the name that is chosen and in sync; if there is none, it gives
// the host one. A change costs a guest under emulation seconds: specs that need
// some name share it.
func named(ctx SpecContext) guest.Names {
	GinkgoHelper()
	report := agent.now(ctx)
	if section, managed := report.Sections["hostname"]; managed && section.Status == state.InSync {
		var h state.Hostname
		Expect(json.Unmarshal(section.Actual, &h)).To(Succeed())
		return guest.Names{Name: h.Name, Domain: h.Domain}
	}
	name := guest.Names{Name: names("inn"), Domain: "lab.test"}
	report = agent.settle(ctx, agent.choose(ctx, hostname(name)))
	Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
	return name
}

func hostname(n guest.Names) map[string]any {
	return map[string]any{"hostname": state.Hostname{Name: n.Name, Domain: n.Domain}}
}

// expectName asks every tool of the system that knows the host name.
func expectName(ctx SpecContext, n guest.Names, rebooted bool) {
	GinkgoHelper()
	var checks []system.Check
	for _, check := range sys().Tools.Hostname {
		if rebooted || !check.AfterReboot {
			checks = append(checks, check)
		}
	}
	Expect(checks).NotTo(BeEmpty(), "the catalogue has no way to observe the host name")
	Expect(column.Guest.ObserveAll(ctx, checks, n)).To(Succeed())
}
