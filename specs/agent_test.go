package specs

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/harness"
	"innkeeper/harness/lab"
	"innkeeper/platform"
)

// How long things may take in a guest that is emulated beside five others.
const (
	// settleTimeout is from a document set on the platform to its report.
	settleTimeout = 5 * time.Minute
	// startTimeout is from a start of the service to the first report.
	startTimeout = 180 * time.Second
	// rebootTimeout is from the reboot's command to an answering sshd.
	rebootTimeout = 6 * time.Minute
)

// platformPort is where the platform answers on the lab.
const platformPort = 4222

// Agent is the guestd under test and the platform it reports to.
type Agent struct {
	platform *platform.Platform
	id       string
	join     wire.Join // the guest's, with its key
	programs programs
	lab      *lab.Lab
	// stop ends the platform's answering on the lab, nil while it does not.
	stop func()
	// armed says that the fault plugin was deployed.
	armed bool
}

// admit starts a platform on the lab, deploys guestd and installs it as the
// system's service.
func admit(ctx context.Context, c *harness.Column, p programs) (*Agent, error) {
	a := &Agent{id: "guest-" + c.System.Name, programs: p}
	var err error
	a.platform, err = platform.Start(ctx, platform.Options{
		Dir: filepath.Join(options.work, "platform"), Listen: "127.0.0.1:0",
		PublicAddress: "platform.lab.test:4222", Log: logger(),
	})
	if err != nil {
		return nil, fmt.Errorf("platform: %w", err)
	}
	a.lab = c.Lab
	if err := a.serve(); err != nil {
		return a, err
	}
	phase("deploy", "")
	tools := c.System.Tools
	if _, err := c.Guest.Deploy(ctx, p.guestd, tools.Agent); err != nil {
		return a, err
	}
	phase("install", "")
	return a, a.install(ctx, c)
}

// install enrols the guest and has guestd install itself.
func (a *Agent) install(ctx context.Context, c *harness.Column) error {
	token, err := a.platform.Enrol(a.id)
	if err != nil {
		return fmt.Errorf("enrol %s: %w", a.id, err)
	}
	if a.join, err = wire.ParseJoin(token); err != nil {
		return fmt.Errorf("enrol %s: %w", a.id, err)
	}
	file := join(c.System.Tools.StateDir, "enrolment.json")
	if err := c.Guest.Put(ctx, token, file, 0o600); err != nil {
		return err
	}
	_, err = c.Guest.Run(ctx, c.System.Tools.Agent, "install", "--join", file)
	return err
}

// arm deploys the fault plugin, once: a run after each change mostly has no
// spec that needs it.
func (a *Agent) arm(ctx context.Context) {
	GinkgoHelper()
	if a.armed {
		return
	}
	file := join(sys().Tools.PluginDir, "mischief"+suffix(a.programs.faultplugin))
	_, err := column.Guest.Deploy(ctx, a.programs.faultplugin, file)
	Expect(err).NotTo(HaveOccurred())
	a.armed = true
}

// serve has the platform answer on the lab.
func (a *Agent) serve() (err error) {
	a.stop, err = a.lab.Serve("platform", platformPort, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", a.platform.Addr().String())
	})
	if err != nil {
		return fmt.Errorf("platform on the lab: %w", err)
	}
	return nil
}

// hangUp makes the platform vanish from the lab: connections break, new ones
// are refused.
func (a *Agent) hangUp() {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

// pickUp has the platform answer again; if it does already, nothing changes.
func (a *Agent) pickUp() {
	GinkgoHelper()
	if a.stop == nil {
		Expect(a.serve()).To(Succeed())
	}
}

// Close ends the platform.
func (a *Agent) Close() error {
	a.hangUp()
	if a.platform == nil {
		return nil
	}
	return a.platform.Close()
}

// choose has the platform want the given sections and returns the revision.
func (a *Agent) choose(ctx context.Context, sections map[string]any) uint64 {
	GinkgoHelper()
	raw := map[string]json.RawMessage{}
	for name, value := range sections {
		data, err := json.Marshal(value)
		Expect(err).NotTo(HaveOccurred())
		raw[name] = data
	}
	revision, err := a.platform.SetDesired(ctx, a.id, raw)
	Expect(err).NotTo(HaveOccurred())
	return revision
}

// await returns the first report that match accepts; what says in words what
// is awaited, for the failure.
func (a *Agent) await(ctx context.Context, limit time.Duration, what string, match func(state.Reported) bool) state.Reported {
	GinkgoHelper()
	waiting, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	r, err := a.platform.WaitReported(waiting, a.id, what, match)
	Expect(err).NotTo(HaveOccurred())
	return r
}

// settle waits until every section of the revision has come to rest.
func (a *Agent) settle(ctx context.Context, revision uint64) state.Reported {
	GinkgoHelper()
	return a.await(ctx, settleTimeout, fmt.Sprintf("revision %d settled", revision), func(r state.Reported) bool {
		return r.Revision == revision && atRest(r, revision)
	})
}

func atRest(r state.Reported, revision uint64) bool {
	for _, s := range r.Sections {
		if s.Revision != revision || s.Status == state.Applying || s.Status == state.AwaitingConfirmation {
			return false
		}
	}
	return len(r.Sections) > 0
}

// awaitStart waits for a report of a daemon that started after the one with
// the given PID and start.
func (a *Agent) awaitStart(ctx context.Context, before state.Agent) state.Reported {
	GinkgoHelper()
	return a.await(ctx, startTimeout, "a report of a daemon started anew", func(r state.Reported) bool {
		return r.Agent.Started.After(before.Started)
	})
}

// now is the newest report; the spec fails if there is none.
func (a *Agent) now(ctx context.Context) state.Reported {
	GinkgoHelper()
	return a.await(ctx, startTimeout, "any report", func(state.Reported) bool { return true })
}

// foresee is what the guest tells that it would change for one section, a line each.
func foresee(ctx context.Context, section string, value any) string {
	GinkgoHelper()
	raw, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	plan, err := agent.platform.Plan(ctx, agent.id, map[string]json.RawMessage{section: raw})
	Expect(err).NotTo(HaveOccurred())
	Expect(plan.Refused).To(BeEmpty())
	Expect(plan.Sections[section].Error).To(BeEmpty())
	var all []string
	for _, c := range plan.Sections[section].Changes {
		all = append(all, c.Summary)
	}
	return strings.Join(all, "\n")
}

// join puts a name below one of the system's own folders.
func join(dir, name string) string {
	if strings.Contains(dir, `\`) {
		return dir + `\` + name
	}
	return dir + "/" + name
}

func suffix(file string) string {
	if filepath.Ext(file) == ".exe" {
		return ".exe"
	}
	return ""
}
