package specs

import (
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab/mirror"
)

// The packages of the lab. Each has a program of its name.
const (
	plain   = "inn-hello"   // in two versions
	needing = "inn-guest"   // needs needed
	needed  = "inn-base"    // is needed
	failing = "inn-failing" // whose script fails when it is installed
	missing = "inn-missing" // in no repository
)

var stock = []mirror.Package{
	{Name: plain, Version: "1.0"},
	{Name: plain, Version: "2.0"},
	{Name: needing, Version: "1.0", Needs: []string{needed}},
	{Name: needed, Version: "1.0"},
	{Name: failing, Version: "1.0", Fails: true},
}

var _ = Describe("packages", Label("packages"), func() {
	if sys().Tools.Packages.Format == "" {
		It("says before it touches anything that the system's packages are not managed", func(ctx SpecContext) {
			report := agent.settle(ctx, agent.choose(ctx, packaged(named(ctx), wanted{plain: {State: state.PackagePresent}})))
			Expect(report.Sections["packages"].Status).To(Equal(state.Unsupported), report.Sections["packages"].Message)
		}, SpecTimeout(2*settleTimeout))
		return
	}

	It("tells what it would install, and installs nothing", func(ctx SpecContext) {
		section := packaged(named(ctx), wanted{needing: {State: state.PackagePresent}})["packages"]
		Expect(foresee(ctx, "packages", section)).To(ContainSubstring("install " + needing))
		expectAway(ctx, needing)
	}, SpecTimeout(settleTimeout))

	It("installs a package of a chosen repository with what it needs, so that it runs", Label("soak"), func(ctx SpecContext) {
		expectPackages(agent.settle(ctx, agent.choose(ctx, packaged(named(ctx), wanted{needing: {State: state.PackagePresent}}))))
		expectRuns(ctx, needing, "1.0")
		expectRuns(ctx, needed, "1.0")
	}, SpecTimeout(3*settleTimeout))

	It("follows the chosen version up, down and to the newest, and holds it", Label("soak"), func(ctx SpecContext) {
		name := named(ctx)
		for _, want := range []struct {
			state.Package
			version string
		}{
			{state.Package{State: state.PackagePresent, Version: "1.0"}, "1.0"},
			{state.Package{State: state.PackageNewest}, "2.0"},
			{state.Package{State: state.PackagePresent, Version: "1.0", Hold: true}, "1.0"},
			{state.Package{State: state.PackagePresent}, "1.0"},
			{state.Package{State: state.PackageAbsent}, ""},
		} {
			expectPackages(agent.settle(ctx, agent.choose(ctx, packaged(name, wanted{plain: want.Package}))))
			if want.version == "" {
				expectAway(ctx, plain)
				continue
			}
			expectRuns(ctx, plain, want.version)
			held, err := column.Guest.Run(ctx, sys().Tools.Packages.Held...)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(held.Stdout, plain)).To(Equal(want.Hold), held.Stdout)
		}
	}, SpecTimeout(8*settleTimeout))

	It("names the package whose script fails, and takes it away again", Label("soak"), func(ctx SpecContext) {
		report := agent.settle(ctx, agent.choose(ctx, packaged(named(ctx), wanted{failing: {State: state.PackagePresent}})))
		Expect(report.Sections["packages"].Status).To(Equal(state.RolledBack), report.Sections["packages"].Message)
		Expect(report.Sections["packages"].Message).To(ContainSubstring("packages.wanted." + failing + ": "))
		expectAway(ctx, failing)
	}, SpecTimeout(4*settleTimeout))

	It("names the package that no repository has", Label("soak"), func(ctx SpecContext) {
		report := agent.settle(ctx, agent.choose(ctx, packaged(named(ctx), wanted{missing: {State: state.PackagePresent}})))
		Expect(report.Sections["packages"].Status).To(Equal(state.RolledBack), report.Sections["packages"].Message)
		Expect(report.Sections["packages"].Message).To(ContainSubstring("packages.wanted." + missing + ": "))
	}, SpecTimeout(4*settleTimeout))

	It("installs nothing from a repository that the chosen key did not sign", Label("soak"), func(ctx SpecContext) {
		sections := packaged(named(ctx), wanted{plain: {State: state.PackagePresent, Version: "2.0"}})
		section := sections["packages"].(state.Packages)
		r := section.Repositories["lab"]
		r.Key = publicKey(newKey("stranger"))
		section.Repositories["lab"] = r
		report := agent.settle(ctx, agent.choose(ctx, sections))
		Expect(report.Sections["packages"].Status).To(Equal(state.RolledBack), report.Sections["packages"].Message)
		Expect(report.Sections["packages"].Message).To(ContainSubstring("packages.repositories.lab: "))
		expectAway(ctx, plain)
	}, SpecTimeout(4*settleTimeout))
})

// wanted is what is chosen, by the packages' names.
type wanted map[string]state.Package

// packaged chooses packages from the lab's repository.
func packaged(name guest.Names, w wanted) map[string]any { return packagedFrom(stock, name, w) }

// packagedFrom chooses packages from the lab's repository, in which these are.
func packagedFrom(stock []mirror.Package, name guest.Names, w wanted) map[string]any {
	GinkgoHelper()
	section := state.Packages{Wanted: w}
	if format := sys().Tools.Packages.Format; format != "" {
		section.Repositories = map[string]state.Repository{"lab": stocked(format, stock)}
	}
	sections := hostname(name)
	sections["packages"] = section
	return sections
}

// stocked is the lab's repository in a system's format, served from now on.
func stocked(format string, stock []mirror.Package) state.Repository {
	GinkgoHelper()
	key := signer()
	r := state.Repository{URL: "http://mirror.lab.test/" + format, Key: publicKey(key)}
	var files mirror.Files
	var err error
	switch format {
	case "apt":
		files, err = mirror.Apt("/apt", key, stock)
		r.Suite, r.Components = mirror.Suite, []string{mirror.Component}
	case "yum":
		files, err = mirror.Yum("/yum", key, stock)
	default:
		Fail("the lab has no repository for " + format)
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(column.Lab.Mirror().Handle("/"+format+"/", files)).To(Succeed())
	return r
}

// signer is the key of the lab's repositories.
var signer = sync.OnceValue(func() *mirror.Key { return newKey("lab") })

func newKey(name string) *mirror.Key {
	GinkgoHelper()
	key, err := mirror.NewKey(name)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func publicKey(key *mirror.Key) string {
	GinkgoHelper()
	public, err := key.Public()
	Expect(err).NotTo(HaveOccurred())
	return public
}

func expectPackages(r state.Reported) {
	GinkgoHelper()
	Expect(r.Sections["packages"].Status).To(Equal(state.InSync), r.Sections["packages"].Message)
}

// expectRuns has the package's program say its version, and the system's own tool.
func expectRuns(ctx SpecContext, name, version string) {
	GinkgoHelper()
	said, err := column.Guest.Run(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	Expect(strings.TrimSpace(said.Stdout)).To(Equal(name + " " + version))
	told, err := column.Guest.Run(ctx, append(append([]string{}, sys().Tools.Packages.Version...), name)...)
	Expect(err).NotTo(HaveOccurred())
	Expect(strings.TrimSpace(told.Stdout)).To(Equal(version))
}

// expectAway has neither the program nor the system's own tool know the package.
func expectAway(ctx SpecContext, name string) {
	GinkgoHelper()
	_, err := column.Guest.Run(ctx, name)
	Expect(err).To(HaveOccurred(), name+" is there")
	told, err := column.Guest.Run(ctx, append(append([]string{}, sys().Tools.Packages.Version...), name)...)
	if err == nil {
		Expect(strings.TrimSpace(told.Stdout)).To(BeEmpty())
	}
}
