package guardian

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// The deadline is a minute off; the daemon ends before.
func TestWhatADaemonArmedIsRestoredSoonAfterItsEnd(t *testing.T) {
	d := newDesk(t, nil)
	var ended atomic.Bool
	d.o.Ended = ended.Load
	done := d.keep(t, d.lay(t, 1, armed))
	d.clock.set(Instant{"boot", time.Hour + 10*time.Second})
	d.waits(t, done, "with a daemon")
	ended.Store(true)
	d.waits(t, done, "just after the daemon's end")
	d.clock.set(Instant{"boot", time.Hour + 10*time.Second + parting - 1})
	d.waits(t, done, "while what the daemon had begun may go on")
	d.waits(t, done, "while what the daemon had begun may go on, at its next look")
	d.clock.set(Instant{"boot", time.Hour + 10*time.Second + parting})
	d.bells.ring()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * look):
		t.Fatal("it still waits")
	}
	outcomes, err := settle(t, d.Guardian)
	if err != nil || len(outcomes) != 1 || outcomes[0] != (Outcome{Section: "value", Revision: 1, Reason: "it was not confirmed when the daemon ended"}) {
		t.Errorf("got %+v, %v", outcomes, err)
	}
	if got := d.calls.list(); got != "restore value "+before {
		t.Errorf("called %s", got)
	}
}

// A change that goes on without the daemon is not undone under its hands.
func TestWhatIsNotEndedWithTheDaemonHasItsDeadline(t *testing.T) {
	d := newDesk(t, nil)
	d.o.Ended = func() bool { return true }
	id := d.lay(t, 1, disarmed)
	raw, err := record{Boot: "boot", Until: time.Hour + time.Minute, Order: Order{
		Section: "value", Revision: 1, Window: time.Minute, Checkpoint: json.RawMessage(before),
		Program: plugin.Program{Path: "/p", Description: section.Description{Unkillable: []section.Operation{section.OpApply}}},
	}}.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.files.put(id, armed, raw); err != nil {
		t.Fatal(err)
	}
	done := d.keep(t, id)
	d.waits(t, done, "at first")
	d.clock.set(Instant{"boot", time.Hour + time.Minute - 1})
	d.waits(t, done, "before the deadline")
	d.waits(t, done, "before the deadline, at its next look")
	d.clock.set(Instant{"boot", time.Hour + time.Minute})
	d.bells.ring()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waits fails the test if the guardian ends instead of having another look.
func (d *desk) waits(t *testing.T, done <-chan error, what string) {
	t.Helper()
	select {
	case <-d.clock.asked: // of a look before this
	default:
	}
	d.bells.ring()
	select {
	case err := <-done:
		t.Fatalf("%s, it ended with %v", what, err)
	case <-d.clock.asked:
	}
}
