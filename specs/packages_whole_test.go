package specs

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab/mirror"
)

// large is a package that takes seconds to unpack.
const (
	large   = "inn-large"
	padding = 64 << 20
)

var _ = Describe("a change of packages is whole", Label("packages", "fault", "soak"), func() {
	if sys().Tools.Packages.Format == "" {
		return // no packages are changed
	}
	bulky := append([]mirror.Package{{Name: large, Version: "1.0", Padding: padding}}, stock...)
	choose := func(ctx SpecContext, name guest.Names, desired string) uint64 {
		GinkgoHelper()
		return agent.choose(ctx, packagedFrom(bulky, name, wanted{large: {State: desired}}))
	}
	// whole has the package there in the end, and then wholly gone.
	whole := func(ctx SpecContext, name guest.Names) {
		GinkgoHelper()
		revision := choose(ctx, name, state.PackagePresent)
		agent.await(ctx, settleTimeout, "the package after all", tells(revision, func(s state.Section) bool { return s.Status == state.InSync }))
		expectRuns(ctx, large, "1.0")
		size, err := column.Guest.Script(ctx, "wc -c </usr/share/"+large)
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.TrimSpace(size.Stdout)).To(Equal(fmt.Sprint(padding)))
		expectPackages(agent.settle(ctx, choose(ctx, name, state.PackageAbsent)))
		expectAway(ctx, large)
		left, err := column.Guest.Script(ctx, "ls /usr/share /usr/bin | grep "+large+" || true")
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Stdout).To(BeEmpty())
	}

	It("though the package manager is killed while it unpacks", func(ctx SpecContext) {
		name := named(ctx)
		expectPackages(agent.settle(ctx, choose(ctx, name, state.PackageAbsent)))
		const told = "/var/tmp/packages.hunt"
		_, err := column.Guest.Script(ctx, "("+untilUnpacking+killManagers+") >"+told+" 2>&1 </dev/null &")
		Expect(err).NotTo(HaveOccurred())
		report := agent.settle(ctx, choose(ctx, name, state.PackagePresent))
		hunted, err := column.Guest.Script(ctx, "cat "+told)
		Expect(err).NotTo(HaveOccurred())
		Expect(hunted.Stdout).To(ContainSubstring("killed"), "nothing was killed, nothing tried")
		Expect(report.Sections["packages"].Status).To(Equal(state.RolledBack), report.Sections["packages"].Message)
		expectAway(ctx, large)
		whole(ctx, name)
	}, SpecTimeout(8*settleTimeout))

	It("though the power is cut while they are unpacked", Label("reboot"), func(ctx SpecContext) {
		name := named(ctx)
		expectPackages(agent.settle(ctx, choose(ctx, name, state.PackageAbsent)))
		_, err := column.Guest.Raw(ctx, "sync")
		Expect(err).NotTo(HaveOccurred())
		before := agent.now(ctx).Agent
		choose(ctx, name, state.PackagePresent)
		_, err = column.Guest.Script(ctx, untilUnpacking)
		Expect(err).NotTo(HaveOccurred())
		pass(ctx, time.Second) // the disk has half of it by then
		unplug(ctx, before)
		whole(ctx, name)
	}, SpecTimeout(rebootTimeout+8*settleTimeout))

	It("though it is removed by hand", func(ctx SpecContext) {
		name := named(ctx)
		chosen := packaged(name, wanted{needed: {State: state.PackagePresent}, needing: {State: state.PackageAbsent}})
		expectPackages(agent.settle(ctx, agent.choose(ctx, chosen)))
		_, err := column.Guest.Run(ctx, append(append([]string{}, sys().Tools.Packages.Remove...), needed)...)
		Expect(err).NotTo(HaveOccurred())
		expectAway(ctx, needed)
		Expect(foresee(ctx, "packages", chosen["packages"])).To(ContainSubstring("install " + needed))
		expectPackages(agent.settle(ctx, agent.choose(ctx, chosen)))
		expectRuns(ctx, needed, "1.0")
	}, SpecTimeout(4*settleTimeout))
})

// untilUnpacking is a script that ends when a file of the package is there, under
// whatever name it has until it is whole.
const untilUnpacking = `tries=6000
while [ -z "$(ls /usr/share | grep '^` + large + `')" ]; do tries=$((tries-1)); [ $tries -gt 0 ] || exit 1; sleep 0.05; done
`

const killManagers = `for p in $(ps axo pid,comm | awk '$2 ~ /^(dnf|rpm|apt-get|dpkg|dpkg-deb)$/ {print $1}'); do kill -KILL $p && echo killed $p; done
`
