package specs

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/harness/guest"
)

var _ = Describe("a dry run", Label("transaction", "hostname"), func() {
	It("tells what would change, and changes nothing", func(ctx SpecContext) {
		name := named(ctx)
		before, revision := written(ctx), agent.now(ctx).Revision
		wanted := guest.Names{Name: names("dry"), Domain: "lab.test"}
		raw, err := json.Marshal(hostname(wanted)["hostname"])
		Expect(err).NotTo(HaveOccurred())

		plan, err := agent.platform.Plan(ctx, agent.id, map[string]json.RawMessage{"hostname": raw})
		Expect(err).NotTo(HaveOccurred())
		Expect(plan.Refused).To(BeEmpty())
		section := plan.Sections["hostname"]
		Expect(section.Error).To(BeEmpty())
		Expect(string(section.Actual)).To(ContainSubstring(name.Name))
		Expect(section.Changes).NotTo(BeEmpty())
		said, err := json.Marshal(section.Changes)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(said)).To(ContainSubstring(wanted.Name), "the changes do not tell what would be")

		Expect(written(ctx)).To(Equal(before), "something was written")
		Expect(agent.now(ctx).Revision).To(Equal(revision), "a dry run is no document")
	}, SpecTimeout(3*settleTimeout))
})
