package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
	"innkeeper/agent/systems/section"
)

var errPower = errors.New("the power went")

// power counts the calls of a machine, and fails those from number at on: the
// process that made them is dead, and what it had not done is not done.
type power struct {
	mu        sync.Mutex
	at, calls int
}

func (p *power) goesAt(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.calls = n, 0
}

func (p *power) call(string, string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.at != 0 && p.calls >= p.at {
		return errPower
	}
	return nil
}

// went says whether the power went since goesAt.
func (p *power) went() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at != 0 && p.calls >= p.at
}

// three is a caller whose section is three files, which are to say the same.
// Written one after another, they differ when the power goes between.
type three struct {
	*machine
	disk *guesttest.Fake
}

var parts = []string{"/etc/one", "/etc/two", "/etc/three"}

func (m three) Call(_ context.Context, _ plugin.Program, q plugin.Request) (json.RawMessage, error) {
	switch q.Operation {
	case section.OpPlan:
		old, p := map[string]string{}, section.Plan{}
		for _, f := range parts {
			raw, err := m.disk.ReadFile(f)
			if err != nil {
				return nil, err
			}
			old[f] = string(raw)
			if string(raw) != string(q.Desired) {
				p.Changes = append(p.Changes, section.Change{Summary: "write " + f, Path: f})
			}
		}
		var err error
		if p.Checkpoint, err = json.Marshal(old); err != nil {
			return nil, err
		}
		return json.Marshal(p)
	case section.OpApply:
		for _, f := range parts {
			if err := m.disk.WriteFile(f, q.Desired, 0o644); err != nil {
				return nil, err
			}
		}
	case section.OpRestore:
		var old map[string]string
		if err := json.Unmarshal(q.Checkpoint, &old); err != nil {
			return nil, err
		}
		for _, f := range parts {
			if err := m.disk.WriteFile(f, []byte(old[f]), 0o644); err != nil {
				return nil, err
			}
		}
	}
	return json.RawMessage("{}"), nil
}

// serve makes it the one that a reconciler calls.
func (m three) serve(o *reconcile.Options) { o.Caller = m }

// state is what the files say, each once.
func (m three) state() string {
	seen := map[string]bool{}
	var all []string
	for _, f := range parts {
		if c := m.disk.Content(f); !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	return strings.Join(all, " and ")
}

// The power goes at each call of a transaction, the journal's and the store's
// among them, and again at each call of the start after it. The next start
// finds the machine wholly as it was or wholly as it was to be.
func TestPowerLossAtEachCallOfATransactionAndOfItsRecovery(t *testing.T) {
	outcomes := map[string]int{}
	for n := 1; ; n++ {
		complete := false
		for m := 1; ; m++ {
			var went bool
			synctest.Test(t, func(t *testing.T) {
				var ended string
				ended, complete, went = crash(t, n, m)
				if ended != "old" && ended != `{"new":1}` {
					t.Fatalf("the power went at call %d, and at call %d of the start: the machine is %s", n, m, ended)
				}
				outcomes[ended]++
			})
			if !went {
				break
			}
		}
		if complete {
			break
		}
	}
	if outcomes["old"] < 20 || outcomes[`{"new":1}`] < 2 {
		t.Errorf("the power went at too few calls to tell anything: %v", outcomes)
	}
}

// crash has the power go at call n of a transaction and at call m of the start
// that follows, and returns what a last start finds; complete says that the
// transaction had no call n, went that the start had a call m.
func crash(t *testing.T, n, m int) (ended string, complete, went bool) {
	t.Helper()
	p := &power{}
	disk := guesttest.New(map[string]string{parts[0]: "old", parts[1]: "old", parts[2]: "old"})
	disk.Before = p.call
	caller := three{newMachine(), disk}

	p.goesAt(n)
	g := start(t, caller.machine, disk, caller.serve)
	// The document is not taken when the power goes first.
	_ = g.Desired(t.Context(), wanted(1, map[string]string{"a": `{"new":1}`}))
	synctest.Wait()
	g.stop()
	complete = !p.went()

	// Only what the start itself does is looked at: no document has it try again.
	p.goesAt(0)
	for _, f := range []string{"/state/accepted-a.json", "/state/accepted-b.json"} {
		_ = disk.Remove(f) // it may not be there
	}
	p.goesAt(m)
	start(t, caller.machine, disk, caller.serve).stop()
	went = p.went()

	p.goesAt(0)
	last := start(t, caller.machine, disk, caller.serve)
	last.stop()
	if entries, err := disk.ReadDir("/state/journal"); err == nil && len(entries) > 0 {
		t.Fatalf("after %d and %d the journal still has %v", n, m, entries)
	}
	if notes := fmt.Sprint(last.Reported().Agent.Notes); strings.Contains(notes, "unreadable") {
		t.Fatalf("after %d and %d: %s", n, m, notes)
	}
	return caller.state(), complete, went
}
