package specs

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
)

const (
	// confirmWindow is how long the specs' changes have to be confirmed.
	confirmWindow = 10 * time.Second
	// confirmSlack is how much later than the window what was before may be
	// back: the promise.
	confirmSlack = 10 * time.Second
	// slowChange is how long the change itself takes, so that the specs can do
	// harm before it is confirmed.
	slowChange = 2 * time.Second
)

// pace is how long a change took in this guest that nothing hindered. What was
// changed is looked at before the window begins, and undone after it, by
// processes that on an emulated guest beside others take seconds to start, as
// those of that change did.
var pace time.Duration

// The section cutoff keeps a value in a file, and its plugin says that it may
// cut the machine off.
var _ = Describe("a change that may cut the guest off", Ordered, ContinueOnFailure, Label("confirm", "fault"), func() {
	var (
		standing, log string
		first         state.Reported // after the change that stands
	)

	BeforeAll(func(ctx SpecContext) {
		copyPlugin(ctx, "cutoff")
		var err error
		log, err = agentLogFile(ctx)
		Expect(err).NotTo(HaveOccurred())
		// Whichever of the specs are run, there is a value to go back to.
		standing = names("stands")
		begun := time.Now()
		first = agent.settle(ctx, chooseValue(ctx, standing))
		pace = time.Since(begun) - slowChange
	}, NodeTimeout(startTimeout+2*settleTimeout))

	It("stands when the platform hears of it, and leaves no guardian behind", func(ctx SpecContext) {
		Expect(first.Sections["cutoff"].Status).To(Equal(state.InSync), first.Sections["cutoff"].Message)
		Expect(first.Sections["cutoff"].Changes).NotTo(BeEmpty())
		Expect(value(ctx)).To(Equal(standing))
		Expect(processes(ctx)).NotTo(ContainSubstring(guardianProcess))
	}, SpecTimeout(2*settleTimeout))

	It("is undone when the cable is cut in the window, and the platform is told", func(ctx SpecContext) {
		watch(ctx)
		severed := names("severed")
		revision := chooseValue(ctx, severed)
		awaitChange(ctx, revision)
		cable := column.Lab.Cable(0)
		cable.Cut()
		DeferCleanup(cable.Mend)
		awaitOnConsole(ctx, severed, standing)
		cable.Mend()

		Expect(value(ctx)).To(Equal(standing))
		stood := watched(ctx)[severed]
		AddReportEntry("confirm", fmt.Sprintf("the change stood %s; one that nothing hinders takes %s", stood, pace.Round(time.Millisecond)))
		Expect(stood).To(BeNumerically("<=", patience()), "how long the change stood")
		expectUndone(ctx, revision)
	}, SpecTimeout(3*settleTimeout))

	It("is undone by the guardian when the daemon hangs, though the clock is set back", func(ctx SpecContext) {
		revision, daemon := changeUnheard(ctx, names("hung"), log)
		deliver(ctx, "STOP", daemon)
		DeferCleanup(func(ctx SpecContext) { _, _ = column.Guest.Raw(ctx, "kill", "-CONT", daemon) })
		turnClock(ctx, -time.Hour)
		DeferCleanup(turnClock, time.Hour)
		expectValue(ctx, standing)
		deliver(ctx, "CONT", daemon)
		agent.pickUp()
		expectUndone(ctx, revision)
	}, SpecTimeout(3*settleTimeout))

	It("is given its whole window though the clock is set ahead", Label("soak"), func(ctx SpecContext) {
		hasty := names("hasty")
		revision, daemon := changeUnheard(ctx, hasty, log)
		deliver(ctx, "STOP", daemon)
		DeferCleanup(func(ctx SpecContext) { _, _ = column.Guest.Raw(ctx, "kill", "-CONT", daemon) })
		turnClock(ctx, time.Hour)
		DeferCleanup(turnClock, -time.Hour)
		Consistently(ctx, value).WithTimeout(confirmWindow / 2).WithPolling(time.Second).Should(Equal(hasty))
		expectValue(ctx, standing)
		deliver(ctx, "CONT", daemon)
		agent.pickUp()
		expectUndone(ctx, revision)
	}, SpecTimeout(3*settleTimeout))

	It("is undone when the daemon is killed", Label("soak"), func(ctx SpecContext) {
		before := agent.now(ctx).Agent
		revision, daemon := changeUnheard(ctx, names("killed"), log)
		deliver(ctx, "KILL", daemon)
		expectValue(ctx, standing)
		// Not every system starts it again by itself.
		_, err := column.Guest.Run(ctx, sys().Tools.Agent, "install")
		Expect(err).NotTo(HaveOccurred())
		agent.pickUp()
		agent.awaitStart(ctx, before)
		expectUndone(ctx, revision)
	}, SpecTimeout(4*settleTimeout))

	It("is undone when the guest is rebooted", Label("soak", "reboot"), func(ctx SpecContext) {
		before := agent.now(ctx).Agent
		revision, _ := changeUnheard(ctx, names("rebooted"), log)
		reboot(ctx)
		expectValue(ctx, standing)
		agent.pickUp()
		agent.awaitStart(ctx, before)
		expectUndone(ctx, revision)
	}, SpecTimeout(rebootTimeout+4*settleTimeout))
})

// valueFile is where the section cutoff keeps its value.
func valueFile() string { return join(sys().Tools.StateDir, "cutoff.txt") }

// chooseValue has the platform want a value of the section cutoff alone.
func chooseValue(ctx SpecContext, text string) uint64 {
	GinkgoHelper()
	raw, err := json.Marshal(map[string]any{"file": valueFile(), "value": text, "take_ms": slowChange.Milliseconds()})
	Expect(err).NotTo(HaveOccurred())
	revision, err := agent.platform.SetDocument(ctx, agent.id, state.Desired{
		Sections: map[string]json.RawMessage{"cutoff": raw}, ConfirmSeconds: int(confirmWindow.Seconds()),
	})
	Expect(err).NotTo(HaveOccurred())
	return revision
}

// value is what the file of the section cutoff holds.
func value(ctx context.Context) (string, error) {
	out, err := column.Guest.Fetch(ctx, valueFile(), 4096)
	return string(out), err
}

// expectValue waits no longer than the promise for a value to be back.
func expectValue(ctx SpecContext, want string) {
	GinkgoHelper()
	Eventually(ctx, value).WithTimeout(patience()).WithPolling(time.Second).Should(Equal(want))
}

// patience is how long a change may stand: the promise, and the time to make
// it, to look at it and to undo it in a guest of this pace.
func patience() time.Duration { return slowChange + confirmWindow + confirmSlack + 2*pace }

// awaitChange waits until the guest is about to make a change.
func awaitChange(ctx SpecContext, revision uint64) {
	GinkgoHelper()
	agent.await(ctx, settleTimeout, "the change begun", func(r state.Reported) bool {
		s := r.Sections["cutoff"]
		return s.Revision == revision && s.Status == state.Applying && len(s.Changes) > 0
	})
}

// changeUnheard has a change made whose confirmation the platform does not
// hear, and gives its revision and the daemon's process; log is the daemon's.
func changeUnheard(ctx SpecContext, text, log string) (revision uint64, daemon string) {
	GinkgoHelper()
	daemon = daemonProcess(ctx)
	revision = chooseValue(ctx, text)
	awaitChange(ctx, revision)
	agent.hangUp()
	DeferCleanup(agent.pickUp)
	Eventually(ctx, value).WithTimeout(settleTimeout).WithPolling(500 * time.Millisecond).Should(Equal(text))
	// Before it is verified it is given more time than the window.
	waits := fmt.Sprintf("waits to be confirmed.* section=cutoff revision=%d ", revision)
	Eventually(ctx, func(ctx context.Context) error {
		_, err := column.Guest.Raw(ctx, "grep", "-q", waits, column.Guest.FilePath(log))
		return err
	}).WithTimeout(settleTimeout).WithPolling(500*time.Millisecond).Should(Succeed(), "the daemon does not wait")
	Expect(processes(ctx)).To(ContainSubstring(guardianProcess))
	return revision, daemon
}

// expectUndone waits for the report of a change that was rolled back for want
// of confirmation, after which nobody waits any more.
func expectUndone(ctx SpecContext, revision uint64) {
	GinkgoHelper()
	report := agent.await(ctx, settleTimeout, "the change undone", func(r state.Reported) bool {
		return r.Sections["cutoff"].Revision == revision && r.Sections["cutoff"].Status == state.RolledBack
	})
	Expect(report.Sections["cutoff"].Message).To(ContainSubstring("confirm"))
	Expect(processes(ctx)).NotTo(ContainSubstring(guardianProcess))
}

// guardianProcess is in the command line of every guardian.
const guardianProcess = "guardian --state-dir"

func processes(ctx context.Context) string {
	GinkgoHelper()
	out, err := column.Guest.Raw(ctx, sys().Tools.Processes...)
	Expect(err).NotTo(HaveOccurred())
	Expect(out.Stdout).To(ContainSubstring("guestd"), "the list of processes is not whole")
	return out.Stdout
}

// daemonLine is a line of the list of processes: the daemon itself, and none
// that keeps it running.
var daemonLine = regexp.MustCompile(`^\s*(\d+)\s+"?\S*(?:Program Files\\guestd\\)?guestd(?:\.exe)?"? run\b`)

func daemonProcess(ctx SpecContext) string {
	GinkgoHelper()
	list := processes(ctx)
	var found []string
	for line := range strings.Lines(list) {
		if m := daemonLine.FindStringSubmatch(line); m != nil {
			found = append(found, m[1])
		}
	}
	Expect(found).To(HaveLen(1), list)
	return found[0]
}

// deliver sends a signal; a Windows program is a process of the Debian beneath.
func deliver(ctx context.Context, name, process string) {
	GinkgoHelper()
	_, err := column.Guest.Raw(ctx, "kill", "-"+name, process)
	Expect(err).NotTo(HaveOccurred())
}

// turnClock sets the wall clock of the guest ahead, or back.
func turnClock(ctx SpecContext, by time.Duration) {
	GinkgoHelper()
	_, err := column.Guest.Script(ctx, fmt.Sprintf("date -u -s @$(($(date +%%s) + %d))", int(by.Seconds())))
	Expect(err).NotTo(HaveOccurred())
}

// pass lets time pass in which the guest cannot be reached and nothing can be
// awaited.
func pass(ctx context.Context, d time.Duration) {
	GinkgoHelper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		Fail(context.Cause(ctx).Error())
	}
}

const watchFile = "/var/tmp/cutoff.watch"

// watch has the guest itself write down each second what the value is, and say
// on its console when it is another, for as long as a spec cannot reach it.
func watch(ctx context.Context) {
	GinkgoHelper()
	_, err := column.Guest.Script(ctx, fmt.Sprintf(`(i=0; was=; while [ $i -lt %d ]; do
  is=$(cat %s); echo "$(date +%%s) $is"
  [ "$is" = "$was" ] || echo "%s$is" >/dev/console
  was=$is; i=$((i+1)); sleep 1; done) >%s 2>/dev/null </dev/null & echo $! >%[4]s.pid`,
		int(2*settleTimeout.Seconds()), guest.Quote(column.Guest.FilePath(valueFile())), watchWord, watchFile))
	Expect(err).NotTo(HaveOccurred())
}

// watchWord begins what the watch says on the console.
const watchWord = "the value is now "

// awaitOnConsole waits until the watch has said one value and then another.
func awaitOnConsole(ctx SpecContext, first, then string) {
	GinkgoHelper()
	Eventually(ctx, func() (string, error) {
		console, err := column.Domain.Console()
		_, rest, _ := strings.Cut(string(console), watchWord+first)
		return rest, err
	}).WithTimeout(settleTimeout).WithPolling(time.Second).Should(ContainSubstring(watchWord+then), "after "+first)
}

// watched ends the watch and says for how long each value was seen.
func watched(ctx context.Context) map[string]time.Duration {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, "kill $(cat "+watchFile+".pid); cat "+watchFile)
	Expect(err).NotTo(HaveOccurred())
	first, seen := map[string]int64{}, map[string]time.Duration{}
	for line := range strings.Lines(out.Stdout) {
		when, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, err := strconv.ParseInt(when, 10, 64)
		Expect(err).NotTo(HaveOccurred(), out.Stdout)
		if _, known := first[text]; !known {
			first[text] = at
		}
		seen[text] = time.Duration(at-first[text]) * time.Second
	}
	return seen
}
