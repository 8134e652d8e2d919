package specs

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

var _ = Describe("a machine on which somebody else has a lock", Label("fault", "packages", "soak"), func() {
	if sys().Tools.Packages.Format == "" {
		return // no other mechanism of a section waits for a lock
	}

	It("says who has that of its packages, makes nothing half, and goes on when it is free", func(ctx SpecContext) {
		name := named(ctx)
		expectPackages(agent.settle(ctx, agent.choose(ctx, packaged(name, wanted{plain: {State: state.PackageAbsent}}))))
		before := repositories(ctx)

		holder := lockPackages(ctx)
		fresh := guest.Names{Name: names("meanwhile"), Domain: "lab.test"}
		locked := packaged(fresh, wanted{plain: {State: state.PackagePresent, Version: "2.0"}})
		report := agent.await(ctx, 3*settleTimeout, "word of the lock", tells(agent.choose(ctx, locked), func(s state.Section) bool {
			return s.Status == state.Failed || s.Status == state.RolledBack
		}))
		Expect(report.Sections["packages"].Message).To(SatisfyAll(ContainSubstring("held by process "+holder), ContainSubstring("next try at")))
		expectAway(ctx, plain)
		Expect(repositories(ctx)).To(Equal(before), "what was before is not restored")
		done := agent.await(ctx, settleTimeout, "the other section made", func(r state.Reported) bool {
			return r.Sections["hostname"].Status == state.InSync
		})
		expectNamed(done)
		expectName(ctx, fresh, false)

		deliver(ctx, "KILL", holder)
		report = agent.await(ctx, 5*settleTimeout, "the packages when the lock is free", tells(report.Revision, func(s state.Section) bool {
			return s.Status == state.InSync
		}))
		expectPackages(report)
		expectRuns(ctx, plain, "2.0")
		expectPackages(agent.settle(ctx, agent.choose(ctx, packaged(fresh, wanted{plain: {State: state.PackageAbsent}}))))
	}, SpecTimeout(14*settleTimeout))
})

// tells matches a report of the section packages at a revision.
func tells(revision uint64, what func(state.Section) bool) func(state.Reported) bool {
	return func(r state.Reported) bool {
		s := r.Sections["packages"]
		return s.Revision == revision && what(s)
	}
}

// repositories are the repositories that the system knows, and whom it trusts.
func repositories(ctx SpecContext) string {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, `cd /etc
for f in apt/sources.list apt/sources.list.d/* apt/keyrings/* yum.repos.d/* pki/rpm-gpg/*; do ! [ -f $f ] || sha256sum $f; done
! command -v rpm >/dev/null || rpm --query --all gpg-pubkey`)
	Expect(err).NotTo(HaveOccurred())
	return out.Stdout
}

// lockPackages has a process hold the lock that the system's package manager
// takes, and gives its id.
func lockPackages(ctx SpecContext) string {
	GinkgoHelper()
	const holds = "/var/tmp/holds.lock"
	// The lock of dpkg and apt is one of fcntl(2) (dpkg's frontend locking);
	// that of dnf 4 is a file with the number of a process that runs (dnf/lock.py).
	hold := `perl -e 'open F, ">>", "/var/lib/dpkg/lock-frontend"; my $all = pack("ssx4qqix4", 1, 0, 0, 0, 0); fcntl(F, 6, $all) or die $!; open H, ">", "` + holds + `"; close H; sleep 3600'`
	if sys().Tools.Packages.Format == "yum" {
		hold = `sh -c 'mkdir -p /var/lib/dnf; printf $$ >/var/lib/dnf/rpmdb_lock.pid; : >` + holds + `; exec sleep 3600'`
	}
	out, err := column.Guest.Script(ctx, `rm -f `+holds+`
`+hold+` >/dev/null 2>&1 </dev/null &
for i in 1 2 3 4 5 6 7 8 9 10; do [ -e `+holds+` ] && break; sleep 1; done
[ -e `+holds+` ] && echo $!`)
	Expect(err).NotTo(HaveOccurred())
	holder := strings.TrimSpace(out.Stdout)
	DeferCleanup(func(ctx SpecContext) { _, _ = column.Guest.Raw(ctx, "kill", "-KILL", holder) })
	return holder
}
