package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

func TestASectionThatKeepsCrashingIsLeftAloneUntilTheNextRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		g := start(t, m, guesttest.New(nil))
		m.onCall(func(_ context.Context, name string, op section.Operation) error {
			if name == "a" && op == section.OpApply {
				return &plugin.CrashError{Call: plugin.Call{Section: name, Operation: op}, ExitCode: 3}
			}
			return nil
		})
		g.want(t, 7, map[string]string{"a": "{}", "b": "{}"})
		time.Sleep(time.Hour)
		synctest.Wait()
		s := g.section("a")
		if s.Status != state.Failed || !strings.HasPrefix(s.Message, "the a plugin is in quarantine: it crashed 5 times on revision 7") || strings.Contains(s.Message, "next try") {
			t.Errorf("got %+v", s)
		}
		calls := m.called()
		if n := strings.Count(calls, "apply a"); n != 5 {
			t.Errorf("%d tries: %s", n, calls)
		}
		g.want(t, 8, map[string]string{"a": "{}", "b": "{}"})
		if calls := m.called(); !strings.Contains(calls, "apply a") {
			t.Errorf("not tried on a new revision: %s", calls)
		}
		m.onCall(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := g.section("a"); s.Status != state.InSync {
			t.Errorf("got %+v", s)
		}
	})
}
