package specs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

// How often a change is cut short by what runs for many minutes.
const (
	manyKills  = 50 // of the daemon, and as many of the plugin
	manyCuts   = 5
	cutting    = 6 * time.Minute // the power at one step after another
	killBudget = 2 * time.Minute // for one change that is cut short and its aftermath
)

var _ = Describe("a change of the host name is whole", Label("transaction", "hostname", "fault"), func() {
	It("though the daemon and then its plugin are killed", func(ctx SpecContext) {
		s := newShears(ctx)
		s.cut(ctx, s.killDaemon)
		s.cut(ctx, s.killPlugin)
	}, SpecTimeout(6*killBudget))

	It("whenever the daemon or its plugin is killed, a hundred times", Label("soak"), func(ctx SpecContext) {
		s := newShears(ctx)
		DeferCleanup(func() { AddReportEntry("kills", s.String()) }) // of a loop that is ended, too
		for range manyKills {
			s.cut(ctx, s.killDaemon)
			s.cut(ctx, s.killPlugin)
		}
		Expect(s.undone).To(BeNumerically(">", 0), "no kill hit a change: nothing was tried")
		Expect(s.struck).To(BeNumerically(">", manyKills/2), "hardly any plugin was killed")
	}, SpecTimeout((2*manyKills+2)*killBudget))

	It("whenever the power is cut", Label("soak", "reboot"), func(ctx SpecContext) {
		s := newShears(ctx)
		DeferCleanup(func() { AddReportEntry("power cuts", s.String()) })
		// What the harness put there is not what is tried.
		_, err := column.Guest.Raw(ctx, "sync")
		Expect(err).NotTo(HaveOccurred())
		for range manyCuts {
			s.cut(ctx, s.powerCut)
		}
	}, SpecTimeout(manyCuts*(rebootTimeout+killBudget)))
})

var _ = Describe("a change of the host name is whole at each of its steps", Label("transaction", "hostname", "fault", "soak", "reboot"), func() {
	It("where its disk was just written through and the power is cut", func(ctx SpecContext) {
		s := newShears(ctx)
		var done []string
		DeferCleanup(func() { AddReportEntry("power cuts", fmt.Sprintf("%s; after flush %s", s, strings.Join(done, ", "))) })
		_, err := column.Guest.Raw(ctx, "sync")
		Expect(err).NotTo(HaveOccurred())
		before := flushes(ctx)
		s.cut(ctx, func(_ SpecContext, begin func()) { begin() }) // which nothing cuts
		all := int(flushes(ctx) - before)
		Expect(all).To(BeNumerically(">", 5), "the change is hardly ever written through: nothing would be tried")
		begun := time.Now()
		for _, n := range s.random.Perm(all) { // what this run has no time for is another's, by its seed
			if time.Since(begun) > cutting {
				break
			}
			s.cut(ctx, s.powerCutAt(n+1))
			done = append(done, fmt.Sprint(n+1, "/", all))
		}
	}, SpecTimeout(cutting+2*(rebootTimeout+killBudget)))
})

// flushes is how often the guest's disk was written through.
func flushes(ctx context.Context) int64 {
	GinkgoHelper()
	n, err := column.Domain.Flushes(ctx)
	Expect(err).NotTo(HaveOccurred())
	return n
}

// shears cut changes of the host name short at moments that the seed decides.
type shears struct {
	random *rand.Rand
	// name is the one the guest has now.
	name guest.Names
	// span is how long a change takes that is left alone.
	span time.Duration
	// helpless says that the system does not start the daemon again by itself.
	helpless bool
	// cuts counts the changes, undone those that had to be undone, and struck
	// the plugins that were killed.
	cuts, undone, struck int
}

func newShears(ctx SpecContext) *shears {
	GinkgoHelper()
	s := &shears{random: rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(len(sys().Name))))}
	s.name = guest.Names{Name: names("whole"), Domain: "lab.test"}
	begun := time.Now()
	report := agent.settle(ctx, agent.choose(ctx, hostname(s.name)))
	s.span = time.Since(begun)
	Expect(report.Sections["hostname"].Status).To(Equal(state.InSync), report.Sections["hostname"].Message)
	return s
}

// String is what was done, for the report.
func (s *shears) String() string {
	return fmt.Sprintf("seed %d: %d changes of about %s each; %d were undone, %d plugins were killed",
		GinkgoRandomSeed(), s.cuts, s.span.Round(time.Millisecond), s.undone, s.struck)
}

// cut has a new name chosen, does harm at some moment of the change, and
// expects the name to be wholly the old or wholly the new one, the platform to
// be told which, and in the end, as it goes on wanting it, the new one. After
// a failure of the plugin it does not wait for that end.
func (s *shears) cut(ctx SpecContext, harm func(ctx SpecContext, begin func())) {
	GinkgoHelper()
	old, fresh := s.name, guest.Names{Name: names("cut"), Domain: "lab.test"}
	var revision uint64
	harm(ctx, func() { revision = agent.choose(ctx, hostname(fresh)) })
	report := agent.await(ctx, settleTimeout, "the change made or undone", func(r state.Reported) bool {
		return r.Sections["hostname"].Revision == revision && r.Sections["hostname"].Status != state.Applying
	})
	s.cuts++
	if now := report.Sections["hostname"]; now.Status != state.InSync {
		Expect(now.Status).To(BeElementOf(state.RolledBack, state.Failed), now.Message)
		s.expectOld(ctx, old, now)
		if strings.Contains(now.Message, "next try at") {
			s.undone++
			return // it pauses, and a new choice ends the pause
		}
	}
	report = agent.await(ctx, settleTimeout, "the change made after all", func(r state.Reported) bool {
		now := r.Sections["hostname"]
		return now.Revision == revision && now.Status == state.InSync
	})
	if toldUndone(report, revision) {
		s.undone++
	}
	Expect(observeName(ctx, fresh)).To(Succeed())
	s.name = fresh
}

// expectOld expects what was before a change that is told to be undone. It is
// tried again by itself: what is seen counts if that has not begun meanwhile.
func (s *shears) expectOld(ctx SpecContext, old guest.Names, told state.Section) {
	GinkgoHelper()
	wrong := observeName(ctx, old)
	if wrong == nil {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, reportLag)
	defer cancel()
	_, err := agent.platform.WaitReported(waiting, agent.id, "the next try", func(r state.Reported) bool {
		return !r.Sections["hostname"].Time.Equal(told.Time)
	})
	Expect(err).NotTo(HaveOccurred(), "%s, it says (%s), and yet: %v", told.Status, told.Message, wrong)
}

// reportLag is how much later than what it tells of a report may come.
const reportLag = 30 * time.Second

// moment is some moment of a change, counted from its choice.
func (s *shears) moment() time.Duration { return time.Duration(s.random.Int64N(int64(s.span))) }

// killDaemon ends the daemon so that it can do nothing about it.
func (s *shears) killDaemon(ctx SpecContext, begin func()) {
	GinkgoHelper()
	process, before, moment := daemonProcess(ctx), agent.now(ctx).Agent, s.moment()
	By(fmt.Sprintf("kill the daemon %s after a change is chosen that takes %s", moment, s.span))
	begin()
	pass(ctx, moment)
	deliver(ctx, "KILL", process)
	s.revive(ctx, before)
	expectNoOrphans(ctx)
}

// expectNoOrphans expects that in the end no process of the hostname plugin is
// there: one that was there when its daemon was killed is nobody's to end.
func expectNoOrphans(ctx SpecContext) {
	GinkgoHelper()
	Eventually(ctx, func() []string { return pluginLine.FindAllString(processes(ctx), -1) }).
		WithTimeout(settleTimeout).WithPolling(time.Second).Should(BeEmpty(), "plugins whose daemon was killed go on")
}

// pluginLine is the line of a list of processes that shows the hostname plugin.
var pluginLine = regexp.MustCompile(`(?m)^.*guestd(\.exe)?"? plugin .*hostname *$`)

// steps is how many processes a change of one section is.
const steps = 3 // plan, apply, plan

// killPlugin ends one of the processes of a change.
func (s *shears) killPlugin(ctx SpecContext, begin func()) {
	GinkgoHelper()
	spared := s.random.IntN(steps)
	By(fmt.Sprintf("kill the plugin's process number %d of a change", spared+1))
	_, err := column.Guest.Script(ctx, "("+hunt(spared)+") >"+huntFile+" 2>&1 </dev/null &")
	Expect(err).NotTo(HaveOccurred())
	begin()
	var hunted string
	Eventually(ctx, func(g Gomega) {
		out, err := column.Guest.Script(ctx, "cat "+huntFile)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out.Stdout).To(ContainSubstring("over"))
		hunted = out.Stdout
	}).WithTimeout(settleTimeout).WithPolling(500 * time.Millisecond).Should(Succeed())
	Expect(hunted).NotTo(ContainSubstring("gave up"), "a process of the plugin does not end")
	if strings.Contains(hunted, "killed") {
		s.struck++
	}
}

const huntFile = "/var/tmp/plugin.hunt"

// hunt is a script that kills the next process of the hostname plugin but so
// many. It gives up when none comes for a while: those that live shorter than
// a list of the processes takes may never be seen. One that does not end is
// told, and no longer waited for.
func hunt(spare int) string {
	return fmt.Sprintf(`left=%d; last=; tries=50; end=$(($(date +%%s) + %d))
while [ $tries -gt 0 ]; do
  [ $(date +%%s) -lt $end ] || { echo "gave up at ${p:-none}"; ps axww -o pid,args; break; }
  p=$(ps axww -o pid,args | awk '/guestd(\.exe)?"? plugin / && /hostname *$/ && !/awk/ {print $1; exit}')
  [ -n "$p" ] || { tries=$((tries-1)); continue; }
  [ "$p" != "$last" ] || continue
  [ $left -gt 0 ] && { left=$((left-1)); last=$p; tries=10; continue; }
  kill -KILL $p && echo killed; break
done
echo over`, spare, int((settleTimeout / 2).Seconds()))
}

// powerCut pulls the plug at some moment.
func (s *shears) powerCut(ctx SpecContext, begin func()) {
	GinkgoHelper()
	before, moment := agent.now(ctx).Agent, s.moment()
	By(fmt.Sprintf("cut the power %s after a change is chosen that takes %s", moment, s.span))
	begin()
	pass(ctx, moment)
	unplug(ctx, before)
}

// powerCutAt pulls the plug when the disk was written through so many times in
// a change. One that takes fewer this time is let to be whole.
func (s *shears) powerCutAt(step int) func(ctx SpecContext, begin func()) {
	return func(ctx SpecContext, begin func()) {
		GinkgoHelper()
		By(fmt.Sprintf("cut the power after flush %d of a change", step))
		_, err := column.Guest.Raw(ctx, "sync") // what the last start has left to write
		Expect(err).NotTo(HaveOccurred())
		before, at := agent.now(ctx).Agent, flushes(ctx)+int64(step)
		begin()
		late := time.Now().Add(4 * s.span)
		for flushes(ctx) < at && time.Now().Before(late) { // each look takes a millisecond or more
		}
		unplug(ctx, before)
	}
}

// unplug pulls the plug and starts the guest again.
func unplug(ctx SpecContext, before state.Agent) {
	GinkgoHelper()
	waiting, cancel := context.WithTimeout(ctx, rebootTimeout)
	defer cancel()
	Expect(column.PowerCycle(waiting)).To(Succeed())
	agent.awaitStart(ctx, before)
}

// revival is how long a system may take to start the daemon again by itself.
const revival = 30 * time.Second

// revive waits for a daemon started after the one before. Not every system
// starts it again by itself.
func (s *shears) revive(ctx SpecContext, before state.Agent) {
	GinkgoHelper()
	if !s.helpless {
		waiting, cancel := context.WithTimeout(ctx, revival)
		defer cancel()
		_, err := agent.platform.WaitReported(waiting, agent.id, "a daemon started again by the system", func(r state.Reported) bool {
			return r.Agent.Started.After(before.Started)
		})
		s.helpless = err != nil
	}
	if s.helpless {
		_, err := column.Guest.Run(ctx, sys().Tools.Agent, "install")
		Expect(err).NotTo(HaveOccurred())
	}
	agent.awaitStart(ctx, before)
}

// toldUndone says whether the platform was told that the change was cut short
// and undone.
func toldUndone(r state.Reported, revision uint64) bool {
	for _, n := range r.Agent.Notes {
		if strings.Contains(n, "hostname") && strings.Contains(n, fmt.Sprintf("revision %d", revision)) {
			return true
		}
	}
	return false
}

// observeName asks the system's own tools that know the name before a reboot.
func observeName(ctx SpecContext, n guest.Names) error {
	checks := sys().Tools.Hostname[:0:0]
	for _, c := range sys().Tools.Hostname {
		if !c.AfterReboot {
			checks = append(checks, c)
		}
	}
	return column.Guest.ObserveAll(ctx, checks, n)
}
