package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/journal"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

const recordOfA = "/state/journal/section-a"

func TestTheCheckpointIsOnDiskWhileTheMachineIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		m.set("a", "old")
		seen := map[section.Operation]bool{}
		m.onCall(func(_ context.Context, _ string, op section.Operation) error {
			seen[op] = seen[op] || disk.Exists(recordOfA)
			return nil
		})
		g := start(t, m, disk)
		g.want(t, 1, map[string]string{"a": "{}"})
		if !seen[section.OpApply] {
			t.Error("the machine was changed without a record")
		}
		if disk.Exists(recordOfA) {
			t.Error("the record outlives the change")
		}
	})
}

func TestWithoutAJournalNothingIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		m.set("a", "old")
		disk.Before = func(call, on string) error {
			if call == "WriteFile" && strings.Contains(on, "/journal/") {
				return syscall.ENOSPC
			}
			return nil
		}
		g := start(t, m, disk)
		g.want(t, 1, map[string]string{"a": "{}"})
		if s := g.section("a"); s.Status != state.Failed || !strings.Contains(s.Message, "no space left") {
			t.Errorf("got %+v", s)
		}
		if got := m.called(); got != "plan a" || m.value("a") != "old" {
			t.Errorf("called %s; the machine has %q", got, m.value("a"))
		}
	})
}

// cutShort is a disk with a record of a change of section a from old.
func cutShort(t *testing.T) *guesttest.Fake {
	t.Helper()
	disk := guesttest.New(nil)
	r := journal.Record{Section: "a", Revision: 1, Checkpoint: quote("old")}
	r.Program.Path = "/plugins/a"
	if err := journal.New(disk, "/state").Begin(r); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestAChangeThatWasCutShortIsUndoneBeforeAllElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), cutShort(t)
		m.set("a", "half")
		g := start(t, m, disk)
		if got := m.called(); got != "restore a" || m.value("a") != "old" || disk.Exists(recordOfA) {
			t.Errorf("called %s; the machine has %q", got, m.value("a"))
		}
		notes := strings.Join(g.Reported().Agent.Notes, "; ")
		if !strings.Contains(notes, "section a, revision 1: the change was cut short; what was before is restored") {
			t.Errorf("the notes are %q", notes)
		}
	})
}

func TestTheReportTellsWhatWasUndoneAndTheChangeIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		g := start(t, m, disk)
		hung := make(chan struct{})
		m.onCall(func(ctx context.Context, _ string, op section.Operation) error {
			if op == section.OpApply {
				close(hung)
				<-ctx.Done() // and the daemon is killed here
				return errors.New("killed")
			}
			return nil
		})
		g.want(t, 1, map[string]string{"a": "{}"})
		<-hung
		m.set("a", "half")
		left := disk.Content(recordOfA)
		g.stop()
		// What a daemon that was killed leaves, and not one that had time.
		disk.Put(recordOfA, left)
		m.onCall(nil)
		m.called()
		m.set("a", "half")

		again := start(t, m, disk)
		if got := m.called(); got != "restore a, plan a, apply a, plan a" {
			t.Errorf("called %s", got)
		}
		if s := again.section("a"); s.Status != state.InSync || m.value("a") != "{}" {
			t.Errorf("got %+v; the machine has %q", s, m.value("a"))
		}
		first := again.reports[0].Sections["a"]
		if first.Status != state.RolledBack || first.Revision != 1 || !strings.Contains(first.Message, "cut short") {
			t.Errorf("the first report is %+v", first)
		}
	})
}

func TestNothingNewIsBegunBeforeTheOldIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), cutShort(t)
		m.set("a", "half")
		broken := true
		m.onCall(func(_ context.Context, _ string, op section.Operation) error {
			if op == section.OpRestore && broken {
				return errors.New("no luck")
			}
			return nil
		})
		g := start(t, m, disk)
		g.want(t, 2, map[string]string{"a": "{}", "b": "{}"})
		if s := g.section("a"); s.Status != state.Failed || !strings.Contains(s.Message, "what revision 1 left half made could not be undone") {
			t.Errorf("got %+v", s)
		}
		if m.value("a") != "half" || !disk.Exists(recordOfA) {
			t.Errorf("the machine has %q", m.value("a"))
		}
		if s := g.section("b"); s.Status != state.InSync {
			t.Errorf("the other section is %+v", s)
		}
		m.onCall(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := g.section("a"); s.Status != state.InSync || disk.Exists(recordOfA) {
			t.Errorf("when it can be undone: %+v", s)
		}
	})
}

func TestAnUnreadableJournalIsNoReasonNotToWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(map[string]string{recordOfA: "\x00\x00"})
		g := start(t, newMachine(), disk)
		g.want(t, 1, map[string]string{"a": "{}"})
		if s := g.section("a"); s.Status != state.InSync {
			t.Errorf("got %+v", s)
		}
		if notes := strings.Join(g.Reported().Agent.Notes, "; "); !strings.Contains(notes, "section-a.unreadable") {
			t.Errorf("the notes are %q", notes)
		}
	})
}
