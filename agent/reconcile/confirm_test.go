package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guardian"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// sentry is a guard that keeps note, and undoes on the machine.
type sentry struct {
	m        *machine
	log      []string
	armFails error
	fired    *guardian.FiredError // what Disarm answers
	left     []guardian.Outcome
}

func (s *sentry) Arm(_ context.Context, o guardian.Order) (reconcile.Armed, error) {
	s.log = append(s.log, fmt.Sprintf("arm %s %s", o.Section, o.Window))
	if s.armFails != nil {
		return nil, s.armFails
	}
	return &armed{s, o}, nil
}

func (s *sentry) Settle(_ context.Context, told func(guardian.Outcome)) error {
	for _, o := range s.left {
		told(o)
	}
	return nil
}

type armed struct {
	s *sentry
	o guardian.Order
}

func (a *armed) Renew(_ context.Context, window time.Duration) error {
	a.s.log = append(a.s.log, "renew "+window.String())
	return nil
}

func (a *armed) Disarm(ctx context.Context, told func(guardian.Outcome)) error {
	a.s.log = append(a.s.log, "disarm")
	if a.s.fired != nil {
		err := a.restore(ctx)
		told(guardian.Outcome(*a.s.fired))
		return errors.Join(a.s.fired, err)
	}
	return nil
}

func (a *armed) Fire(ctx context.Context) error {
	a.s.log = append(a.s.log, "fire")
	return a.restore(ctx)
}

func (a *armed) restore(ctx context.Context) error {
	_, err := a.s.m.Call(ctx, a.o.Program, plugin.Request{Operation: section.OpRestore, Section: a.o.Section, Checkpoint: a.o.Checkpoint})
	return err
}

// cuttable is a machine whose section a can cut it off, its guard, and options
// with a platform that answers as told.
func cuttable(answer func(ctx context.Context) error) (*machine, *sentry, func(*reconcile.Options)) {
	m := newMachine()
	m.set("a", "old")
	m.described = map[string]section.Description{"a": {MayCutOff: true}}
	s := &sentry{m: m}
	return m, s, func(o *reconcile.Options) { o.Guard, o.Confirm = s, answer }
}

func TestAChangeThatCanCutOffIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status state.Status
		var g *rig
		m, s, with := cuttable(func(context.Context) error { status = g.section("a").Status; return nil })
		g = start(t, m, guesttest.New(nil), with)
		g.Connected(true)
		d := wanted(1, map[string]string{"a": "{}", "b": "{}"})
		d.ConfirmSeconds = 15
		g.wantDocument(t, d)
		if got, want := strings.Join(s.log, ", "), "arm a 1m15s, renew 1m15s, renew 15s, disarm"; got != want {
			t.Errorf("the guard saw %s, want %s", got, want)
		}
		if status != state.AwaitingConfirmation {
			t.Errorf("while it waited its status was %s", status)
		}
		if a := g.section("a"); a.Status != state.InSync || m.value("a") != "{}" {
			t.Errorf("got %+v", a)
		}
	})
}

func TestAnUnconfirmedChangeIsUndoneAndNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		g := start(t, m, disk, with)
		g.Connected(true)
		begun := time.Now()
		g.want(t, 1, map[string]string{"a": "{}"})
		time.Sleep(time.Minute)
		synctest.Wait()
		a := g.section("a")
		if a.Status != state.RolledBack || m.value("a") != "old" || !strings.Contains(a.Message, "not confirmed") || time.Since(begun) != time.Minute {
			t.Errorf("after %s: %+v, the machine has %q", time.Since(begun), a, m.value("a"))
		}
		if disk.Exists(recordOfA) {
			t.Error("the journal's record is still there")
		}
		m.called()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := m.called(); strings.Contains(got, "apply") {
			t.Errorf("it was tried again: %s", got)
		}
		g.stop()

		// Nor after a restart, until there is a new revision.
		again := start(t, m, disk, with)
		again.Connected(true)
		if got := m.called(); strings.Contains(got, "apply") {
			t.Errorf("it was tried again after a restart: %s", got)
		}
		if a := again.section("a"); a.Status != state.RolledBack || !strings.Contains(a.Message, "new revision") {
			t.Errorf("after a restart: %+v", a)
		}
		s.log = nil
		again.want(t, 2, map[string]string{"a": "{}"})
		if len(s.log) == 0 || s.log[0] != "arm a 1m15s" {
			t.Errorf("a new revision is not tried: the guard saw %q", s.log)
		}
	})
}

func TestADaemonThatEndsInTheWindowLeavesTheChangeToTheGuardian(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		g := start(t, m, disk, with)
		g.Connected(true)
		d := wanted(1, map[string]string{"a": "{}"})
		d.ConfirmSeconds = 60
		if err := g.Desired(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		g.stop()
		if got, want := strings.Join(s.log, ", "), "arm a 1m15s, renew 1m15s, renew 1m0s"; got != want {
			t.Errorf("the guard saw %s, want %s: the order is to stay armed", got, want)
		}
		if !disk.Exists(recordOfA) {
			t.Error("the journal's record is gone though the change was neither confirmed nor undone")
		}
	})
}

func TestAGuardianThatWasFirstIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, with := cuttable(func(context.Context) error { return nil })
		s.fired = &guardian.FiredError{Section: "a", Revision: 1, Reason: "the window is over"}
		g := start(t, m, guesttest.New(nil), with)
		g.Connected(true)
		g.want(t, 1, map[string]string{"a": "{}"})
		if a := g.section("a"); a.Status != state.RolledBack || !strings.Contains(a.Message, "the window is over") || m.value("a") != "old" {
			t.Errorf("got %+v, the machine has %q", a, m.value("a"))
		}
	})
}

func TestNothingIsChangedWhoseRollbackCannotBeArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(context.Context) error { return nil })
		s.armFails = errors.New("no space left")
		g := start(t, m, disk, with)
		g.Connected(true)
		g.want(t, 1, map[string]string{"a": "{}"})
		if a := g.section("a"); a.Status != state.Failed || !strings.Contains(a.Message, "could not be armed: no space left") || m.value("a") != "old" || disk.Exists(recordOfA) {
			t.Errorf("got %+v, the machine has %q", a, m.value("a"))
		}
	})
}

func TestWhatCouldNotBeReachedBeforeIsNotDemandedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, with := cuttable(func(context.Context) error { return errors.New("nobody answers") })
		g := start(t, m, guesttest.New(nil), with)
		begun := time.Now()
		g.want(t, 1, map[string]string{"a": "{}", "b": "{}"})
		if a, b := g.section("a"), g.section("b"); a.Status == state.InSync || b.Status != state.InSync {
			t.Errorf("before the line had the time to come up: a %+v, b %+v", a, b)
		}
		time.Sleep(30*time.Second - time.Since(begun))
		synctest.Wait()
		if a := g.section("a"); a.Status != state.InSync || len(s.log) != 0 {
			t.Errorf("got %+v, the guard saw %q", a, s.log)
		}
	})
}

// A daemon that was killed before it began starts again with the document on
// its disk, and the line is not there yet.
func TestWhatWasAcceptedBeforeTheStartIsConfirmedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(context.Context) error { return nil })
		g := start(t, m, disk, with)
		g.want(t, 1, map[string]string{"a": "{}"})
		g.stop()
		again := start(t, m, disk, with)
		time.Sleep(5 * time.Second)
		again.Connected(true)
		synctest.Wait()
		if a := again.section("a"); a.Status != state.InSync || strings.Join(s.log, ", ") != "arm a 1m15s, renew 1m15s, renew 1m0s, disarm" {
			t.Errorf("got %+v, the guard saw %q", a, s.log)
		}
	})
}

func TestWhatTheGuardianUndidIsToldAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(context.Context) error { return nil })
		g := start(t, m, disk, with)
		g.want(t, 4, map[string]string{"a": "{}"})
		g.stop()
		m.set("a", "old")
		m.called()
		s.left = []guardian.Outcome{{Section: "a", Revision: 4, Reason: "it was not confirmed when the machine was started anew"}}
		again := start(t, m, disk, with)
		a := again.section("a")
		if a.Status != state.RolledBack || a.Revision != 4 || !strings.Contains(a.Message, "started anew") || m.called() != "" {
			t.Errorf("got %+v", a)
		}
	})
}

func TestWhatTheGuardianUndidIsNotUndoneOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		g := start(t, m, disk, with)
		g.Connected(true)
		if err := g.Desired(t.Context(), wanted(4, map[string]string{"a": "{}"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		g.stop() // in the window
		m.set("a", "old")
		m.called()
		s.left = []guardian.Outcome{{Section: "a", Revision: 4, Reason: "it was not confirmed in time"}}
		again := start(t, m, disk, with)
		first := again.reports[0].Sections["a"]
		if first.Status != state.RolledBack || !strings.Contains(first.Message, "not confirmed") {
			t.Errorf("the first report after the start has %+v", first)
		}
		if got := m.called(); strings.Contains(got, "restore") {
			t.Errorf("called %s", got)
		}
		if disk.Exists(recordOfA) {
			t.Error("the journal's record outlives the change")
		}
	})
}
