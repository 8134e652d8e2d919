package reconcile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// machine is a caller and a catalogue over one value per section: what is
// desired is a change unless it is the value already.
type machine struct {
	mu     sync.Mutex
	values map[string]string
	calls  []string
	open   int // transactions that change something at this moment
	most   int

	// fail, if set, may fail or hang a call before it does anything.
	fail func(ctx context.Context, section string, op section.Operation) error
	// deaf sections are applied without effect.
	deaf map[string]bool
	// described is what a section's plugin says of itself.
	described map[string]section.Description
}

func newMachine() *machine { return &machine{values: map[string]string{}, deaf: map[string]bool{}} }

func (m *machine) Find(_ context.Context, name string) (plugin.Program, error) {
	if name == "unserved" {
		return plugin.Program{}, &plugin.UnservedError{Section: name}
	}
	return plugin.Program{Section: name, Path: "/plugins/" + name, Description: m.described[name]}, nil
}
func (m *machine) Scan(context.Context) plugin.Programs { return plugin.Programs{} }
func (m *machine) Sections() []string                   { return []string{"a", "b"} }
func (m *machine) Notes() []string                      { return nil }

func (m *machine) Call(ctx context.Context, _ plugin.Program, q plugin.Request) (json.RawMessage, error) {
	m.mu.Lock()
	m.calls = append(m.calls, string(q.Operation)+" "+q.Section)
	fail := m.fail
	if q.Operation == section.OpApply {
		m.open++
		m.most = max(m.most, m.open)
	}
	m.mu.Unlock()
	defer func() {
		if q.Operation == section.OpApply {
			m.mu.Lock()
			m.open--
			m.mu.Unlock()
		}
	}()
	if fail != nil {
		if err := fail(ctx, q.Section, q.Operation); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch q.Operation {
	case section.OpPlan:
		now := m.values[q.Section]
		p := section.Plan{Actual: quote(now), Checkpoint: quote(now)}
		if now != string(q.Desired) {
			p.Changes = []section.Change{{Summary: fmt.Sprintf("from %q to %q", now, q.Desired)}}
		}
		return json.Marshal(p)
	case section.OpApply:
		if !m.deaf[q.Section] {
			m.values[q.Section] = string(q.Desired)
		}
	case section.OpRestore:
		var old string
		if err := json.Unmarshal(q.Checkpoint, &old); err != nil {
			return nil, err
		}
		m.values[q.Section] = old
	}
	return json.RawMessage("{}"), nil
}

func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s)
	return b
}

func (m *machine) called() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := strings.Join(m.calls, ", ")
	m.calls = nil
	return calls
}

func (m *machine) value(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[name]
}

func (m *machine) set(name, v string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[name] = v
}

func (m *machine) onCall(fail func(context.Context, string, section.Operation) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// rig is a running reconciler.
type rig struct {
	*reconcile.Reconciler
	m       *machine
	disk    *guesttest.Fake
	mu      sync.Mutex
	reports []state.Reported
	stop    func()
}

func start(t *testing.T, m *machine, disk *guesttest.Fake, with ...func(*reconcile.Options)) *rig {
	t.Helper()
	g := &rig{m: m, disk: disk}
	o := reconcile.Options{
		Guest: "g", Machine: disk, StateDir: "/state", Catalogue: m, Caller: m,
		Report: func(r state.Reported) { g.mu.Lock(); g.reports = append(g.reports, r); g.mu.Unlock() },
	}
	for _, f := range with {
		f(&o)
	}
	g.Reconciler = reconcile.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	g.stop = func() { cancel(); <-done }
	t.Cleanup(g.stop)
	synctest.Wait()
	return g
}

func (g *rig) want(t *testing.T, revision uint64, sections map[string]string) {
	t.Helper()
	g.wantDocument(t, wanted(revision, sections))
}

func wanted(revision uint64, sections map[string]string) state.Desired {
	d := state.Desired{Revision: revision, Guest: "g", Sections: map[string]json.RawMessage{}}
	for name, v := range sections {
		d.Sections[name] = json.RawMessage(v)
	}
	return d
}

func (g *rig) wantDocument(t *testing.T, d state.Desired) {
	t.Helper()
	if err := g.Desired(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (g *rig) section(name string) state.Section { return g.Reported().Sections[name] }

func (g *rig) reported() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.reports)
}
