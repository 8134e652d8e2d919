package specs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/platform"
)

// updateTimeout is from the word to the end of an update: a program of a dozen
// megabytes fetched, started to say what it is, tried, and started again.
const updateTimeout = 3 * startTimeout

var _ = Describe("a new guestd", Label("update", "fault"), Ordered, ContinueOnFailure, func() {
	var before state.Reported

	BeforeAll(func(ctx SpecContext) {
		named(ctx)
		before = agent.now(ctx)
	}, NodeTimeout(2*settleTimeout))

	It("is refused when it is not the program that the platform signed for", func(ctx SpecContext) {
		stamps := installed(ctx)
		whole := announce(platform.Update{
			Version: names("forged"), Target: column.Image.GOOS + "/" + column.Image.GOARCH,
			Executable: bytes.Repeat([]byte("guestd"), wire.MaxChunk/4),
		})
		executable := bytes.Repeat([]byte("guestd"), wire.MaxChunk/4)
		other, id := usurp(ctx), platformIdentity()

		spoiled := bytes.Clone(executable)
		spoiled[len(spoiled)/2] ^= 1
		outcome := other.give(ctx, offer{whole, spoiled, id.Signing})
		Expect(outcome.Error).To(ContainSubstring("its SHA-256 is another"))
		outcome = other.give(ctx, offer{whole, executable[:len(executable)-1], id.Signing})
		Expect(outcome.Error).To(ContainSubstring("has 0 bytes; 1 to"))
		outcome = other.give(ctx, offer{whole, executable, id.Signing})
		Expect(outcome.Error).To(ContainSubstring("does not say what it is"), "what was signed and is no program")
		foreign := whole
		foreign.Target = "plan9/386"
		outcome = other.give(ctx, offer{foreign, executable, id.Signing})
		Expect(outcome.Error).To(ContainSubstring("the update is for plan9/386"))

		other.reject(ctx, offer{whole, executable, stranger()})
		Expect(installed(ctx)).To(Equal(stamps), "a program was written")
	}, SpecTimeout(updateTimeout))

	It("that cannot read a section which the old one reads is not tried", Label("soak"), func(ctx SpecContext) {
		stamps := installed(ctx)
		now := agent.now(ctx)
		_, err := agent.platform.Update(ctx, agent.id, broken("blind"))
		Expect(err).To(MatchError(ContainSubstring(`it does not read the section "hostname"`)))
		Expect(installed(ctx)).To(Equal(stamps), "a program was written")
		report := agent.settle(ctx, agent.choose(ctx, hostname(named(ctx))))
		Expect(report.Agent.Started).To(Equal(now.Agent.Started), "the daemon was started anew")
		expectNamed(report)
	}, SpecTimeout(updateTimeout))

	It("that ends by itself is given up, and the old one comes back", Label("soak"), func(ctx SpecContext) {
		stamps := installed(ctx)
		s, err := agent.platform.Update(ctx, agent.id, broken("crash"))
		Expect(err).To(MatchError(ContainSubstring("it ended 3 times by itself, the last time with exit status 3")))
		Expect(s.Status).To(Equal(state.UpdateRolledBack))
		expectOld(ctx, before)
		Expect(installed(ctx)).To(Equal(stamps), "a program was written")
	}, SpecTimeout(updateTimeout))

	It("that never reaches the platform and does not end is given up, and the old one comes back", Label("soak"), func(ctx SpecContext) {
		u := broken("hang")
		u.Window = 15 * time.Second
		_, err := agent.platform.Update(ctx, agent.id, u)
		Expect(err).To(MatchError(ContainSubstring("it did not reach the platform within 15s")))
		expectOld(ctx, before)
		processes, err := column.Guest.Raw(ctx, sys().Tools.Processes...)
		Expect(err).NotTo(HaveOccurred())
		Expect(processes.Stdout).NotTo(ContainSubstring("guestd.new"), "the new one still runs")
	}, SpecTimeout(updateTimeout))

	It("that was being tried when the machine was started anew is given up", Label("soak", "reboot"), func(ctx SpecContext) {
		u := broken("hang")
		u.Window = time.Hour
		trying, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := agent.platform.Update(trying, agent.id, u)
			ended <- err
		}()
		Eventually(ctx, func(g Gomega) {
			processes, err := column.Guest.Raw(ctx, sys().Tools.Processes...)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(processes.Stdout).To(MatchRegexp(`guestd\.new.* run`))
		}).WithTimeout(updateTimeout).WithPolling(time.Second).Should(Succeed())
		reboot(ctx)
		Expect(<-ended).To(MatchError(ContainSubstring("ended while it was tried")))
		expectOld(ctx, before)
	}, SpecTimeout(rebootTimeout+updateTimeout))

	It("takes the old one's place once it has reached the platform", Label("soak"), func(ctx SpecContext) {
		u := another(before.Agent.Version)
		done, err := agent.platform.Update(ctx, agent.id, u)
		Expect(err).NotTo(HaveOccurred())
		Expect(done.Status).To(Equal(state.UpdateConfirmed))

		now := agent.now(ctx)
		Expect(now.Agent.Started).To(BeTemporally(">", before.Agent.Started))
		Expect(now.Revision).To(BeNumerically(">=", before.Revision), "it goes on with what was accepted")
		is, err := column.Guest.Raw(ctx, "sha256sum", column.Guest.FilePath(sys().Tools.Agent))
		Expect(err).NotTo(HaveOccurred())
		Expect(is.Stdout).To(HavePrefix(hex.EncodeToString(announce(u).SHA256)), "the installed program is another")
		Expect(installed(ctx)).NotTo(MatchRegexp(`guestd\.new(\.exe)?'? \d`), "the new one is left")
		Expect(column.Guest.Observe(ctx, sys().Tools.Service, guest.Names{})).To(Succeed())
		report := agent.settle(ctx, agent.choose(ctx, hostname(named(ctx))))
		Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)

		_, err = agent.platform.Update(ctx, agent.id, u)
		Expect(err).To(MatchError(ContainSubstring("this guestd is the one announced")))
	}, SpecTimeout(2*updateTimeout))
})

// expectOld sees that the guestd from before is the daemon again and works.
func expectOld(ctx SpecContext, before state.Reported) {
	GinkgoHelper()
	report := agent.settle(ctx, agent.choose(ctx, hostname(named(ctx))))
	Expect(report.Agent.Version).To(Equal(before.Agent.Version))
	Expect(report.Agent.Update.Status).To(Equal(state.UpdateRolledBack))
	Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
}

// installed tells what of guestd, the new and the one before there is.
func installed(ctx SpecContext) string {
	GinkgoHelper()
	var files []string
	for _, other := range []string{"", ".new", ".old"} {
		name, exe := strings.CutSuffix(sys().Tools.Agent, ".exe")
		if name += other; exe {
			name += ".exe"
		}
		files = append(files, column.Guest.FilePath(name))
	}
	stamps, err := column.Guest.Stamps(ctx, files)
	Expect(err).NotTo(HaveOccurred())
	return stamps
}

// another is the agent under test as another program: with a few bytes more.
func another(version string) platform.Update {
	GinkgoHelper()
	return program(agent.programs.guestd, version, "\nanother guestd "+names("copy"))
}

// broken is a program that says it is a guestd and is no good.
func broken(mode string) platform.Update {
	GinkgoHelper()
	version := names(mode)
	return program(agent.programs.faultplugin, version, "\nfaultplugin as guestd "+version+" "+mode)
}

// program is a file with something added, which executables allow.
func program(file, version, more string) platform.Update {
	GinkgoHelper()
	executable, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	return platform.Update{
		Version: version, Target: column.Image.GOOS + "/" + column.Image.GOARCH,
		Executable: append(executable, more...),
	}
}

// announce is what a platform says of an update.
func announce(u platform.Update) wire.Update {
	sum := sha256.Sum256(u.Executable)
	return wire.Update{Version: u.Version, Target: u.Target, Size: int64(len(u.Executable)), SHA256: sum[:]}
}
