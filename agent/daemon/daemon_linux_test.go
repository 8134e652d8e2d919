package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guardian"
	"innkeeper/agent/guest"
	"innkeeper/agent/link"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

var faultplugin string

// The test binary is also the built-in plugin of the daemon under test
// ("plugin --system NAME SECTION"), its guardian ("guardian --state-dir DIR
// ID"), and a second daemon ("daemon DIR").
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 5 && os.Args[1] == "plugin":
		if err := plugin.Serve(context.Background(), os.Args[4], motd{os.Getenv("DAEMON_TEST_MOTD") + strings.TrimPrefix(os.Args[4], "motd")}, guest.Local(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) == 5 && os.Args[1] == "guardian":
		if err := guardian.Keep(context.Background(), guardian.Options{StateDir: os.Args[3], Caller: &plugin.Supervisor{}}, os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) == 3 && os.Args[1] == "daemon":
		if err := daemon.Run(context.Background(), daemon.Options{StateDir: os.Args[2], Log: slog.New(slog.DiscardHandler)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "daemon-test-*")
	if err != nil {
		panic(err)
	}
	faultplugin = filepath.Join(dir, "mischief")
	if out, err := exec.Command("go", "build", "-o", faultplugin, "innkeeper/specs/faultplugin").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build faultplugin: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// motd keeps one file.
type motd struct{ path string }

func (motd) Describe() section.Description { return section.Description{Sections: []string{"motd"}} }

func (s motd) Plan(_ context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	now, err := m.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		now, err = []byte("{}"), nil
	}
	p := section.Plan{Actual: now, Checkpoint: now}
	if !bytes.Equal(now, desired) {
		p.Changes = []section.Change{{Summary: "write the message", Path: s.path}}
	}
	return p, err
}

func (s motd) Apply(_ context.Context, m guest.Machine, desired json.RawMessage, _ section.Plan) error {
	return m.WriteFile(s.path, desired, 0o644)
}

func (s motd) Restore(_ context.Context, m guest.Machine, checkpoint json.RawMessage) error {
	return m.WriteFile(s.path, checkpoint, 0o644)
}

// line is the platform as the daemon sees it.
type line struct {
	handler chan link.Handler
	mu      sync.Mutex
	last    state.Reported
	news    chan struct{}
	unheard error // what confirming comes to
}

func (l *line) Run(ctx context.Context, h link.Handler) error {
	h.Connected(true)
	l.handler <- h
	<-ctx.Done()
	return ctx.Err()
}

func (l *line) Confirm(context.Context) error { return l.unheard }

func (l *line) Prove(_ context.Context, nonce []byte) ([]byte, error) { return nonce, l.unheard }

func (l *line) Report(r state.Reported) {
	l.mu.Lock()
	l.last = r
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// await waits for a report.
func (l *line) await(t *testing.T, what string, match func(state.Reported) bool) state.Reported {
	t.Helper()
	late := time.After(2 * time.Minute)
	for {
		l.mu.Lock()
		r := l.last
		l.mu.Unlock()
		if match(r) {
			return r
		}
		select {
		case <-l.news:
		case <-late:
			t.Fatalf("awaiting %s; the last report is %+v", what, r)
		}
	}
}

// rig is a daemon that runs in the test's process.
type rig struct {
	link.Handler
	line           *line
	stateDir, motd string
	stop           func() error
	log            *bytes.Buffer
}

func start(t *testing.T, dir string) *rig {
	t.Helper()
	g := &rig{
		line:     &line{handler: make(chan link.Handler, 1), news: make(chan struct{}, 1)},
		stateDir: filepath.Join(dir, "state"), motd: filepath.Join(dir, "motd"), log: &bytes.Buffer{},
	}
	t.Setenv("DAEMON_TEST_MOTD", g.motd)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each child lasts a second longer
	plugins := filepath.Join(dir, "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mischief", "laggard"} { // laggard has a short deadline
		copyFile(t, faultplugin, filepath.Join(plugins, name))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{
			Guest: "g", StateDir: g.stateDir, PluginDir: plugins, System: state.System{Name: "test"},
			Version: "1", Target: "t", Executable: self, Line: g.line,
			// A build with the race detector maps much more than it uses.
			Sections: map[string]section.Description{
				"motd":  {Sections: []string{"motd"}, MemoryMiB: 1024},
				"motd2": {Sections: []string{"motd2"}, MemoryMiB: 1024, MayCutOff: true},
			},
			Log:    slog.New(slog.NewTextHandler(g.log, nil)),
			Limits: plugin.Limits{Memory: 100 << 20},
		})
	}()
	g.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = g.stop() })
	select {
	case g.Handler = <-g.line.handler:
	case err := <-done:
		t.Fatalf("the daemon ended: %v\n%s", err, g.log)
	}
	return g
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := guest.Local().WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

func desired(revision uint64, sections string) state.Desired {
	d := state.Desired{Revision: revision, Guest: "g"}
	if err := json.Unmarshal([]byte(sections), &d.Sections); err != nil {
		panic(err)
	}
	return d
}

func (g *rig) settle(t *testing.T, d state.Desired) state.Reported {
	t.Helper()
	if err := g.Desired(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return g.line.await(t, fmt.Sprintf("revision %d settled", d.Revision), func(r state.Reported) bool {
		for _, s := range r.Sections {
			if s.Revision != d.Revision || s.Status == state.Applying || s.Status == state.AwaitingConfirmation {
				return false
			}
		}
		return r.Revision == d.Revision && len(r.Sections) == len(d.Sections)
	})
}

func TestMischiefHarmsOnlyItsSection(t *testing.T) {
	g := start(t, t.TempDir())
	for i, c := range []struct{ do, says string }{
		{"crash", "crashed with SIGKILL"},
		{"exit", "exit status 3"},
		{"flood", "wrote more than 1 MiB to its standard output"},
		{"eat", "ran out of memory"},
		{"fork", "crashed with SIGKILL"},
		{"garbage", "broke the protocol"},
		{"hang", "did not end within "},
	} {
		revision, name := uint64(2*i+1), "mischief"
		if c.do == "hang" {
			name = "laggard"
		}
		r := g.settle(t, desired(revision, fmt.Sprintf(`{%q:{"do":%q},"motd":{"n":%d}}`, name, c.do, revision)))
		if s := r.Sections[name]; s.Status != state.Failed || !strings.Contains(s.Message, c.says) {
			t.Errorf("%s: %s is %s: %s", c.do, name, s.Status, s.Message)
		}
		if s := r.Sections["motd"]; s.Status != state.InSync || len(s.Changes) != 1 || string(s.Actual) != fmt.Sprintf(`{"n":%d}`, revision) {
			t.Errorf("%s: motd is %+v", c.do, s)
		}
		if b, _ := os.ReadFile(g.motd); string(b) != fmt.Sprintf(`{"n":%d}`, revision) {
			t.Errorf("%s: the machine has %s", c.do, b)
		}
		if r.Agent.PID != os.Getpid() {
			t.Errorf("PID %d", r.Agent.PID)
		}
		r = g.settle(t, desired(revision+1, fmt.Sprintf(`{%q:{"do":"ok"},"motd":{"n":%d}}`, name, revision)))
		if s := r.Sections[name]; s.Status != state.InSync {
			t.Errorf("after %s: %s is %s: %s", c.do, name, s.Status, s.Message)
		}
		if s := r.Sections["motd"]; s.Status != state.InSync || len(s.Changes) != 0 {
			t.Errorf("after %s: motd is %+v", c.do, s)
		}
	}
	r := g.settle(t, desired(100, `{"mischief":{"do":"exit","on":"apply"}}`))
	if s := r.Sections["mischief"]; s.Status != state.RolledBack || !strings.Contains(s.Message, "what was before is restored") {
		t.Errorf("mischief in the midst of a change: %s: %s", s.Status, s.Message)
	}
}

// What may cut the machine off stands if the platform is reached afterwards,
// and else is undone and not tried again. No guardian is left in either case.
func TestWhatMayCutOffIsConfirmed(t *testing.T) {
	g := start(t, t.TempDir())
	r := g.settle(t, desired(1, `{"motd2":{"n":1}}`))
	if s := r.Sections["motd2"]; s.Status != state.InSync || len(s.Changes) != 1 {
		t.Errorf("confirmed: %+v", s)
	}
	g.line.unheard = errors.New("nobody answers")
	r = g.settle(t, desired(2, `{"motd2":{"n":2}}`))
	if s := r.Sections["motd2"]; s.Status != state.RolledBack || !strings.Contains(s.Message, "nobody answers") {
		t.Errorf("not confirmed: %+v", s)
	}
	if b, err := os.ReadFile(g.motd + "2"); err != nil || string(b) != `{"n":1}` {
		t.Errorf("the machine has %s, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Join(g.stateDir, "guardian")); err != nil || len(left) > 0 {
		t.Errorf("%v is left of the guardians, %v", left, err)
	}
}

func TestTheSameAgainMovesNoFilesTime(t *testing.T) {
	g := start(t, t.TempDir())
	g.settle(t, desired(1, `{"motd":{"n":1}}`))
	before, err := os.Stat(g.motd)
	if err != nil {
		t.Fatal(err)
	}
	r := g.settle(t, desired(2, `{"motd":{"n":1}}`))
	after, err := os.Stat(g.motd)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Sections["motd"]; !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) || len(s.Changes) != 0 {
		t.Errorf("a file was written; %+v", s)
	}
}
