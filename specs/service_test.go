package specs

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/harness/guest"
)

var _ = Describe("service", Label("service", "smoke"), func() {
	It("finds out which system it runs on", Label("detect"), func(ctx SpecContext) {
		report := agent.now(ctx)
		Expect(report.System.Name).To(Equal(sys().Name))
		Expect(report.System.Version).NotTo(BeEmpty())
		Expect(report.Agent.Target).To(Equal(column.Image.GOOS + "/" + column.Image.GOARCH))
		Expect(report.Agent.Capabilities).To(ContainElement("hostname"))
	}, SpecTimeout(2*startTimeout))

	It("runs as a service of the system's own", func(ctx SpecContext) {
		Expect(column.Guest.Observe(ctx, sys().Tools.Service, guest.Names{})).To(Succeed())
	}, SpecTimeout(startTimeout))
})

// reboot has the guest reboot itself and waits until ssh is back.
func reboot(ctx SpecContext) {
	GinkgoHelper()
	waiting, cancel := context.WithTimeout(ctx, rebootTimeout)
	defer cancel()
	Expect(column.Guest.Reboot(waiting)).To(Succeed())
}
