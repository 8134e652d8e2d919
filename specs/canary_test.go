package specs

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
)

var _ = Describe("a secret in a document", Label("plugin", "fault"), Ordered, func() {
	var (
		secret canary
		report state.Reported
	)

	// The plugin that is given it tells it in every way there is, and crashes.
	BeforeAll(func(ctx SpecContext) {
		agent.arm(ctx)
		secret = newCanary(ctx)
		report = agent.settle(ctx, agent.choose(ctx, map[string]any{
			"mischief-tell": map[string]any{"do": "tell", "secret": secret.text},
		}))
	}, NodeTimeout(2*settleTimeout))

	It("is told by no report, log or file but the kept document", func(ctx SpecContext) {
		section := report.Sections["mischief-tell"]
		Expect(section.Message).To(ContainSubstring(`cannot log in with "***"`), "the plugin did not tell it")
		told, err := json.Marshal(report)
		Expect(err).NotTo(HaveOccurred())
		secret.expectNotIn("the report", string(told))
		secret.expectNotInLogs(ctx)
		secret.expectInDocumentOnly(ctx)
	}, SpecTimeout(settleTimeout))

	It("is in no argument and no environment of a process", Label("soak"), func(ctx SpecContext) {
		copyPlugin(ctx, "laggard")
		revision := agent.choose(ctx, map[string]any{"laggard": map[string]any{"do": "hang", "secret": secret.text}})
		secret.expectNoProcessTells(ctx, "laggard")
		report := agent.settle(ctx, agent.choose(ctx, map[string]any{"mischief-tell": map[string]any{"do": "tell", "secret": secret.text}}))
		Expect(report.Revision).To(BeNumerically(">", revision))
	}, SpecTimeout(2*settleTimeout))

	// Windows has no signal that makes a Go program tell its state.
	if sys().Tools.Drive == "" {
		It("is not in what guestd says when it crashes", Label("soak"), func(ctx SpecContext) {
			before := agent.now(ctx).Agent
			_, err := column.Guest.Raw(ctx, "kill", "-QUIT", strconv.Itoa(before.PID))
			Expect(err).NotTo(HaveOccurred())
			agent.awaitStart(ctx, before)
			secret.expectNotInLogs(ctx)
			secret.expectInDocumentOnly(ctx)
		}, SpecTimeout(2*startTimeout))
	}
})

// canary is a text that is nowhere else.
type canary struct {
	text string
	// dir, as ssh sees it, has the text in a file, and is as old as the canary.
	dir string
}

func newCanary(ctx SpecContext) canary {
	GinkgoHelper()
	c := canary{text: "canary-" + rand.Text(), dir: "/var/tmp/canary"}
	_, err := column.Guest.Script(ctx, "rm -rf "+c.dir+"; mkdir -m 700 "+c.dir+"; touch "+c.dir+"/born")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		_, err := column.Guest.Raw(ctx, "rm", "-rf", c.dir)
		Expect(err).NotTo(HaveOccurred())
	})
	// In a file, since an argument of grep's would be in the list of processes.
	Expect(column.Guest.Put(ctx, []byte(c.text+"\n"), c.dir+"/text", 0o600)).To(Succeed())
	return c
}

func (c canary) expectNotIn(what, text string) {
	GinkgoHelper()
	Expect(strings.Contains(text, c.text)).To(BeFalse(), "%s has the secret", what)
}

// expectNoProcessTells looks at the arguments and the environment of every
// process while one of that name runs.
func (c canary) expectNoProcessTells(ctx SpecContext, name string) {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, fmt.Sprintf(`
		tries=0
		until pgrep -x '%s(\.exe)?' >/dev/null; do
			tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "no %s runs" >&2; exit 1; }
			sleep 0.1
		done
		for p in /proc/[0-9]*; do
			cat "$p/cmdline" "$p/environ" 2>/dev/null | grep -aqFf %s/text && echo "$p" $(tr '\0' ' ' <"$p/cmdline")
		done; true`, name, name, c.dir))
	Expect(err).NotTo(HaveOccurred())
	Expect(out.Stdout).To(BeEmpty(), "processes have the secret")
}

func (c canary) expectNotInLogs(ctx SpecContext) {
	GinkgoHelper()
	log, err := agentLog(ctx, 1<<20)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(log)).To(ContainSubstring("mischief-tell"), "the log is another's")
	c.expectNotIn("the agent's log", string(log))
	system, err := column.Guest.Raw(ctx, sys().Tools.SystemLog...)
	Expect(err).NotTo(HaveOccurred())
	c.expectNotIn("the system's log", system.Stdout)
}

// expectInDocumentOnly looks through every file of the guest that was written
// since the canary was born. What guestd status says is in one of them.
func (c canary) expectInDocumentOnly(ctx SpecContext) {
	GinkgoHelper()
	out, err := column.Guest.Script(ctx, fmt.Sprintf(
		`find / /run /tmp /var -xdev \( -path %[1]s -o -path /usr/lib -o -path /usr/share \) -prune -o -type f -newer %[1]s/born -print0 | xargs -0 grep -alFf %[1]s/text | sort -u | xargs stat -c '%%a %%n'`, c.dir))
	Expect(err).NotTo(HaveOccurred())
	stateDir := column.Guest.FilePath(sys().Tools.StateDir)
	var files []string
	for line := range strings.Lines(out.Stdout) {
		mode, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sys().Tools.Drive == "" { // modes say nothing on Windows
			Expect(mode).To(Equal("600"), file)
		}
		if file != path.Join(stateDir, "journal", "section-mischief-tell") { // another try
			files = append(files, file)
		}
	}
	Expect(files).To(ConsistOf(path.Join(stateDir, "accepted-a.json"), path.Join(stateDir, "accepted-b.json")))
}
