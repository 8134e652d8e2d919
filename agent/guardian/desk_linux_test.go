package guardian

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
)

func withDeadline(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// lifetime is a clock that a test sets.
type lifetime struct {
	mu    sync.Mutex
	now   Instant
	asked chan struct{} // of capacity 1
}

func (l *lifetime) Now() Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.asked <- struct{}{}:
	default:
	}
	return l.now
}

func (l *lifetime) set(now Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = now
}

// calls notes the restores and answers with errors until they run out.
type calls struct {
	mu   sync.Mutex
	ran  []string
	errs []error
}

func (c *calls) Call(_ context.Context, _ plugin.Program, q plugin.Request) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, string(q.Operation)+" "+q.Section+" "+string(q.Checkpoint))
	if len(c.errs) == 0 {
		return json.RawMessage("{}"), nil
	}
	err := c.errs[0]
	c.errs = c.errs[1:]
	return nil, err
}

func (c *calls) list() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.ran, "\n")
}

// desk is a guardian in the test's own process, with one order laid before it.
type desk struct {
	*Guardian
	clock *lifetime
	calls *calls
	bells *bells
}

func newDesk(t *testing.T, m guest.Machine) *desk {
	t.Helper()
	d := &desk{clock: &lifetime{now: Instant{"boot", time.Hour}, asked: make(chan struct{}, 1)}, calls: &calls{}}
	d.Guardian = New(Options{StateDir: t.TempDir(), Machine: m, Caller: d.calls, Clock: d.clock})
	if err := os.Mkdir(d.files.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// lay writes an order whose deadline is in a minute.
func (d *desk) lay(t *testing.T, revision uint64, k kind) string {
	t.Helper()
	id := newID(revision)
	r := record{Boot: "boot", Until: time.Hour + time.Minute, Order: Order{
		Section: "value", Revision: revision, Window: time.Minute,
		Checkpoint: json.RawMessage(before), Program: plugin.Program{Path: "/p"},
	}}
	raw, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if d.bells, err = prepare(d.files.dir, id); err != nil {
		t.Fatal(err)
	}
	d.bells.close()
	if err := d.files.put(id, k, raw); err != nil {
		t.Fatal(err)
	}
	return id
}

// keep runs the guardian of an order and returns when it waits.
func (d *desk) keep(t *testing.T, id string) <-chan error {
	t.Helper()
	var err error
	if d.bells.pending, err = os.OpenFile(d.bells.life, os.O_RDWR|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Keep(t.Context(), d.o, id) }()
	if err := d.bells.ready(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return done
}

func left(t *testing.T, d *desk, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(d.files.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("%v is left, want %v", names, want)
	}
}
