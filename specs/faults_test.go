package specs

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab"
)

var _ = Describe("a machine with a fault", Label("fault"), func() {
	// One change of the host name meets one fault after another before it can
	// be made: each costs a guest under emulation little more than itself.
	Context("of its disk", Ordered, Label("hostname"), func() {
		var (
			before state.Reported
			old    guest.Names
			wanted guest.Names
			newest uint64
			faults disk
		)

		BeforeAll(func(ctx SpecContext) {
			old = named(ctx)
			before = agent.now(ctx)
			wanted = guest.Names{Name: names("room"), Domain: "lab.test"}
			faults = disk{state: column.Guest.FilePath(sys().Tools.StateDir), written: writtenTo()}
			DeferCleanup(faults.mend)
		}, NodeTimeout(2*settleTimeout))

		It("without inodes left refuses a document that it cannot keep, and says why", func(ctx SpecContext) {
			faults.takeInodes(ctx)
			newest = agent.choose(ctx, hostname(wanted))
			expectRefused(ctx, newest, `no space left|disk full|not enough space`)
		}, SpecTimeout(settleTimeout))

		It("without space left refuses a document that it cannot keep, and keeps the old one", func(ctx SpecContext) {
			faults.fill(ctx)
			faults.giveInodes(ctx)
			newest = agent.choose(ctx, hostname(wanted))
			report := expectRefused(ctx, newest, `no space left|disk full|not enough space`)
			Expect(report.Revision).To(Equal(before.Revision), "the last good document stays in force")
		}, SpecTimeout(settleTimeout))

		It("that cannot be written to makes no change, and says why", func(ctx SpecContext) {
			faults.protect(ctx)
			faults.free(ctx)
			told := agent.await(ctx, settleTimeout, "a failure to write", func(r state.Reported) bool {
				return notWritable.MatchString(failureOf(r, newest))
			})
			GinkgoWriter.Println(failureOf(told, newest))
			expectName(ctx, old, false)
		}, SpecTimeout(2*settleTimeout))

		It("that is mended has what was wanted by itself", func(ctx SpecContext) {
			faults.mend(ctx)
			report := agent.settle(ctx, newest)
			for report.Sections["hostname"].Status == state.RolledBack || report.Sections["hostname"].Status == state.Failed {
				last := report.Sections["hostname"]
				report = agent.await(ctx, settleTimeout, "another try", func(r state.Reported) bool {
					return atRest(r, newest) && r.Sections["hostname"].Message != last.Message
				})
			}
			expectNamed(report)
			Expect(report.Refused).To(BeNil())
			Expect(report.Agent.PID).To(Equal(before.Agent.PID), "the daemon was started anew")
			expectName(ctx, wanted, false)
		}, SpecTimeout(2*settleTimeout))
	})

	It("whose disk became read-only has a guestd that starts and tells of it", Label("soak", "service"), func(ctx SpecContext) {
		name := named(ctx)
		before := agent.now(ctx)
		faults := disk{state: column.Guest.FilePath(sys().Tools.StateDir), written: writtenTo()}
		DeferCleanup(faults.mend)
		faults.protect(ctx)
		faults.bind(ctx, faults.state)
		_, err := column.Guest.Raw(ctx, sys().Tools.RestartService...)
		Expect(err).NotTo(HaveOccurred())

		report := agent.awaitStart(ctx, before.Agent)
		Expect(report.Revision).To(Equal(before.Revision), "the document was kept on disk")
		refused := expectRefused(ctx, agent.choose(ctx, hostname(guest.Names{Name: names("late"), Domain: "lab.test"})), notWritable.String())
		Expect(refused.Agent.Started).To(Equal(report.Agent.Started), "the daemon was started anew")

		// What was refused for want of room is asked for again: something else
		// is wanted by then. A start writes down who holds the lock.
		faults.mend(ctx)
		expectNamed(agent.settle(ctx, agent.choose(ctx, hostname(name))))
		_, err = column.Guest.Raw(ctx, sys().Tools.RestartService...)
		Expect(err).NotTo(HaveOccurred())
		agent.awaitStart(ctx, report.Agent)
	}, SpecTimeout(3*startTimeout))

	It("whose clock jumps ten years forth and back reaches its platform and does nothing rash", Label("link"), func(ctx SpecContext) {
		name := named(ctx)
		before := agent.now(ctx).Agent
		DeferCleanup(agent.pickUp)
		clock := readClock(ctx)
		// With a server's help the systems that have a time service would have
		// it right at once.
		for _, server := range []*lab.NTPServer{column.Lab.NTP(), column.Lab.Clock()} {
			server.Silence(true)
			DeferCleanup(server.Silence, false)
		}
		DeferCleanup(clock.putRight)

		for _, years := range []int{10, -10} {
			clock.jump(ctx, years)
			// A line that stands asks nobody's clock: one made anew does.
			agent.hangUp()
			revision := agent.choose(ctx, hostname(name))
			agent.pickUp()
			report := agent.settle(ctx, revision)
			Expect(report.Time).To(BeTemporally("~", time.Now().AddDate(years, 0, 0), 90*24*time.Hour), "the clock did not jump")
			expectNamed(report)
			Expect(report.Sections["hostname"].Changes).To(BeEmpty())
			Expect(report.Agent.PID).To(Equal(before.PID), "the daemon was started anew")
		}
		clock.putRight(ctx)
		expectName(ctx, name, false)
	}, SpecTimeout(3*settleTimeout))

	It("on which guestd is started twice keeps the first, and the second says which that is", Label("service"), func(ctx SpecContext) {
		first := agent.now(ctx)
		_, err := column.Guest.Run(ctx, sys().Tools.Agent, "run")
		var ended *guest.ExitError
		Expect(errors.As(err, &ended)).To(BeTrue(), "it ended with %v", err)
		Expect(ended.Output.ExitCode).To(Equal(1))
		Expect(ended.Output.Stderr).To(MatchRegexp(`another guestd runs already, process %d\b`, first.Agent.PID))

		revision := agent.choose(ctx, hostname(named(ctx)))
		Expect(agent.settle(ctx, revision).Agent.PID).To(Equal(first.Agent.PID))
	}, SpecTimeout(2*settleTimeout))
})

// expectRefused waits until a revision is refused for that reason.
func expectRefused(ctx SpecContext, revision uint64, reason string) state.Reported {
	GinkgoHelper()
	report := agent.await(ctx, settleTimeout, fmt.Sprintf("a refusal of revision %d", revision), func(r state.Reported) bool {
		return r.Refused != nil && r.Refused.Revision == revision
	})
	Expect(report.Refused.Reasons).To(ContainElement(MatchRegexp("(?i)" + reason)))
	return report
}

func expectNamed(r state.Reported) {
	GinkgoHelper()
	Expect(r.Sections["hostname"].Status).To(Equal(state.InSync), r.Sections["hostname"].Message)
}

// notWritable is a file system that takes nothing, in the words of Unix, PHP's
// section and Windows.
var notWritable = regexp.MustCompile(`(?i)read-only|write.protected|access.(is.)?denied`)

// failureOf is why a revision could not be had, whole or of the host name,
// empty if that is not told.
func failureOf(r state.Reported, revision uint64) string {
	if r.Refused != nil && r.Refused.Revision == revision {
		return strings.Join(r.Refused.Reasons, "; ")
	}
	s := r.Sections["hostname"]
	if s.Revision == revision && (s.Status == state.Failed || s.Status == state.RolledBack) {
		return s.Message
	}
	return ""
}

// writtenTo is the folder that a new host name is written to, as ssh sees it,
// or where the agent keeps its state on a system with a registry.
func writtenTo() string {
	if files := sys().Tools.HostnameFiles; len(files) > 0 {
		return path.Dir(files[0])
	}
	return column.Guest.FilePath(sys().Tools.StateDir)
}

// disk makes faults of the disk beneath two folders, as ssh sees them.
type disk struct {
	state, written string
}

// takeInodes puts a file system without inodes over the state folder.
func (d disk) takeInodes(ctx SpecContext) {
	GinkgoHelper()
	d.shell(ctx, "mount -t tmpfs -o nr_inodes=1 none %[1]s", d.state)
}

func (d disk) giveInodes(ctx SpecContext) {
	GinkgoHelper()
	d.shell(ctx, "umount -l %[1]s", d.state)
}

// filled is on the same disk as all folders here, and in none of them.
const filled = "/filled"

// fill leaves no block of the state folder's disk free, not even to root.
func (d disk) fill(ctx SpecContext) {
	GinkgoHelper()
	d.shell(ctx, `[ "$(stat -c %%d %[1]s)" = "$(stat -c %%d %[2]s)" ] || { echo "%[1]s and %[2]s are on two disks"; exit 1; }
		fallocate -l $(($(stat -f -c '%%f * %%S' %[2]s) - 4194304)) %[3]s
		for again in 1 2 3; do cat /dev/zero >>%[3]s-rest || true; sync; done 2>/dev/null
		! dd if=/dev/zero of=%[3]s-probe bs=4096 count=1 conv=fsync 2>/dev/null`, path.Dir(d.state), path.Dir(filled), filled)
}

func (d disk) free(ctx SpecContext) {
	GinkgoHelper()
	d.shell(ctx, "rm -f %[1]s*", filled)
}

// protect makes the folder that is written to read-only.
func (d disk) protect(ctx SpecContext) {
	GinkgoHelper()
	d.bind(ctx, d.written)
}

func (d disk) bind(ctx SpecContext, folder string) {
	GinkgoHelper()
	d.shell(ctx, "mountpoint -q %[1]s || { mount --bind %[1]s %[1]s && mount -o remount,bind,ro %[1]s; }", folder)
}

// mend takes all faults back, those that were not made too.
func (d disk) mend(ctx SpecContext) {
	GinkgoHelper()
	d.shell(ctx, "for dir in %[1]s %[2]s; do ! mountpoint -q $dir || umount -l $dir; done; rm -f %[3]s*", d.state, d.written, filled)
}

func (d disk) shell(ctx SpecContext, script string, folders ...string) {
	GinkgoHelper()
	words := make([]any, len(folders))
	for i, f := range folders {
		words[i] = guest.Quote(f)
	}
	_, err := column.Guest.Script(ctx, fmt.Sprintf(script, words...))
	Expect(err).NotTo(HaveOccurred())
}

// clock is the guest's, and how it ran when it was read.
type clock struct {
	wall time.Time
	up   time.Duration // since boot, which no jump changes
}

func readClock(ctx SpecContext) clock {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, "date +%s; cat /proc/uptime")
	Expect(err).NotTo(HaveOccurred())
	words := strings.Fields(out.Stdout)
	Expect(len(words)).To(BeNumerically(">=", 2), out.Stdout)
	seconds, err := strconv.ParseInt(words[0], 10, 64)
	Expect(err).NotTo(HaveOccurred())
	up, err := strconv.ParseFloat(words[1], 64)
	Expect(err).NotTo(HaveOccurred())
	return clock{time.Unix(seconds, 0), time.Duration(up * float64(time.Second))}
}

// jump sets the guest's clock so many years off.
func (c clock) jump(ctx SpecContext, years int) {
	GinkgoHelper()
	up := readClock(ctx).up - c.up
	at := c.wall.Add(up).AddDate(years, 0, 0)
	_, err := column.Guest.Raw(ctx, "date", "-s", "@"+strconv.FormatInt(at.Unix(), 10))
	Expect(err).NotTo(HaveOccurred())
}

func (c clock) putRight(ctx SpecContext) {
	GinkgoHelper()
	c.jump(ctx, 0)
}
