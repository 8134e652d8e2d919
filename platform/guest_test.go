package platform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform"
)

// patience is how long a test waits for what should take milliseconds.
const patience = 2 * time.Minute

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, o platform.Options) *platform.Platform {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Dir == "" {
		o.Dir = folder(t)
	}
	p, err := platform.Start(patient(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// folder is one that only its owner can look into.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "platform")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func enrol(t *testing.T, p *platform.Platform, id string) wire.Join {
	t.Helper()
	raw, err := p.Enrol(id)
	if err != nil {
		t.Fatal(err)
	}
	j, err := wire.ParseJoin(raw)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// guest is an agent without a machine: it accepts documents and reports them.
type guest struct {
	link *link.Link
	log  *logbook
	up   chan bool

	mu       sync.Mutex
	accepted state.Desired
	refused  *state.Refusal
	full     int // how many documents more it has no room for
	started  time.Time
}

// join runs a guest until the test ends or leave is called.
func join(t *testing.T, j wire.Join) (g *guest, leave func()) {
	t.Helper()
	g = &guest{log: &logbook{}, up: make(chan bool, 100), started: time.Now()}
	g.link = link.New(link.Options{Join: j, Log: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.link.Run(ctx, g); err != nil {
			t.Errorf("the link ended with %v", err)
		}
	})
	leave = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(leave)
	return g, leave
}

func (g *guest) Desired(_ context.Context, d state.Desired) error {
	g.mu.Lock()
	if g.full > 0 {
		g.full--
		g.mu.Unlock()
		g.Refuse(d.Revision, []string{"no space left on device"})
		return syscall.ENOSPC
	}
	if d.Revision > g.accepted.Revision {
		g.accepted = d
	}
	g.mu.Unlock()
	g.report()
	return nil
}

func (g *guest) Refuse(revision uint64, reasons []string) {
	g.mu.Lock()
	g.refused = &state.Refusal{Revision: revision, Reasons: reasons}
	g.mu.Unlock()
	g.report()
}

func (g *guest) Accepted() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted.Revision
}

func (g *guest) Connected(up bool) {
	g.up <- up
	if up {
		g.report()
	}
}

func (g *guest) report() {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := state.Reported{
		Guest: g.link.Guest(), Revision: g.accepted.Revision, Refused: g.refused, Time: time.Now().UTC(),
		Agent: state.Agent{Started: g.started}, Sections: map[string]state.Section{},
	}
	for name, raw := range g.accepted.Sections {
		r.Sections[name] = state.Section{Status: state.InSync, Revision: g.accepted.Revision, Actual: raw}
	}
	g.link.Report(r)
}

func (g *guest) await(t *testing.T, up bool) {
	t.Helper()
	for {
		select {
		case now := <-g.up:
			if now == up {
				return
			}
		case <-time.After(patience):
			t.Fatalf("the line did not become up=%v; the guest's log:\n%s", up, g.log)
		}
	}
}

// logbook keeps a log for the test to read.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func hostname(name string) map[string]json.RawMessage {
	return map[string]json.RawMessage{"hostname": json.RawMessage(`{"name":"` + name + `"}`)}
}

func set(t *testing.T, p *platform.Platform, id, name string) uint64 {
	t.Helper()
	revision, err := p.SetDesired(patient(t), id, hostname(name))
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func awaitRevision(t *testing.T, p *platform.Platform, id string, revision uint64) state.Reported {
	t.Helper()
	r, err := p.WaitReported(patient(t), id, "the revision", func(r state.Reported) bool { return r.Revision == revision })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// endsAll fails the test if, at its end, goroutines of ours or of NATS go on.
func endsAll(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		over := time.After(patience)
		for {
			left := leftovers()
			if len(left) == 0 {
				return
			}
			select {
			case <-tick.C:
			case <-over:
				t.Errorf("%d goroutines go on:\n%s", len(left), strings.Join(left, "\n\n"))
				return
			}
		}
	})
}

func leftovers() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "leftovers") || strings.Contains(g, "testing.(*T).Run") {
			continue
		}
		if strings.Contains(g, "innkeeper/") || strings.Contains(g, "nats-io/") {
			left = append(left, g)
		}
	}
	return left
}
