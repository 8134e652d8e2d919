package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

func TestAChangeIsPlannedAppliedAndVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, newMachine(), guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": `{"v":1}`})
		if got, want := g.m.called(), "plan a, apply a, plan a"; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
		s := g.section("a")
		if s.Status != state.InSync || s.Revision != 1 || s.Message != "" || !slices.Equal(s.Changes, []string{`from "" to "{\"v\":1}"`}) || string(s.Actual) != `"{\"v\":1}"` {
			t.Errorf("got %+v", s)
		}

		// The same again costs one process and says that nothing changed.
		g.want(t, 2, map[string]string{"a": `{"v":1}`})
		if got, want := g.m.called(), "plan a"; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
		if s := g.section("a"); s.Status != state.InSync || s.Revision != 2 || len(s.Changes) != 0 {
			t.Errorf("got %+v", s)
		}

		// The same revision again costs nothing.
		g.disk.Forget()
		reports := g.reported()
		g.want(t, 2, map[string]string{"a": `{"v":1}`})
		if got := g.m.called(); got != "" || len(g.disk.Writes()) != 0 || g.reported() != reports {
			t.Errorf("called %s, wrote %v", got, g.disk.Writes())
		}
	})
}

func TestAFailedChangeIsRestored(t *testing.T) {
	for name, c := range map[string]struct {
		fail   map[section.Operation]error
		deaf   bool
		status state.Status
		says   string
		calls  string
	}{
		"apply": {
			fail:   map[section.Operation]error{section.OpApply: errors.New("no luck")},
			status: state.RolledBack, says: "no luck; what was before is restored; failed once, next try at ", calls: "plan a, apply a, restore a",
		},
		"not reached": {
			deaf:   true,
			status: state.RolledBack, says: `the change was made and yet there is still to do: from "old" to "{}"; what was before`, calls: "plan a, apply a, plan a, restore a",
		},
		"restore": {
			fail:   map[section.Operation]error{section.OpApply: errors.New("no luck"), section.OpRestore: errors.New("worse")},
			status: state.Failed, says: "no luck; and what was before could not be restored: worse; failed once", calls: "plan a, apply a, restore a",
		},
		"plan": {
			fail:   map[section.Operation]error{section.OpPlan: errors.New("blind")},
			status: state.Failed, says: "blind; failed once", calls: "plan a",
		},
		"stuck": {
			fail:   map[section.Operation]error{section.OpApply: &plugin.StuckError{}},
			status: state.Failed, says: "is stuck", calls: "plan a, apply a",
		},
		"invalid": {
			fail:   map[section.Operation]error{section.OpPlan: section.Errorf(section.Invalid, "a.v", "bad")},
			status: state.Failed, says: "a.v: bad", calls: "plan a",
		},
		"unsupported": {
			fail:   map[section.Operation]error{section.OpPlan: section.Errorf(section.Unsupported, "", "not here")},
			status: state.Unsupported, says: "not here", calls: "plan a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine()
				m.set("a", "old")
				m.deaf["a"] = c.deaf
				m.fail = func(_ context.Context, s string, op section.Operation) error {
					if s == "a" {
						return c.fail[op]
					}
					return nil
				}
				g := start(t, m, guesttest.New(nil))
				g.want(t, 1, map[string]string{"a": "{}", "b": "{}"})
				s := g.section("a")
				if s.Status != c.status || !strings.HasPrefix(s.Message, c.says) && !strings.Contains(s.Message, c.says) {
					t.Errorf("got %s %q, want %s %q", s.Status, s.Message, c.status, c.says)
				}
				if m.value("a") != "old" {
					t.Errorf("the machine has %q", m.value("a"))
				}
				if b := g.section("b"); b.Status != state.InSync || m.value("b") != "{}" {
					t.Errorf("the other section is %+v", b)
				}
				calls := slices.DeleteFunc(strings.Split(m.called(), ", "), func(s string) bool { return strings.HasSuffix(s, " b") })
				if got := strings.Join(calls, ", "); got != c.calls && !strings.HasPrefix(got, "plan a, "+c.calls) {
					t.Errorf("called %s, want %s", got, c.calls)
				}
			})
		})
	}
}

func TestASectionThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.fail = func(ctx context.Context, s string, _ section.Operation) error {
			if s == "a" {
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
				}
				return errors.New("hung")
			}
			return nil
		}
		g := start(t, m, guesttest.New(nil))
		begun := time.Now()
		g.want(t, 1, map[string]string{"a": "{}", "b": "{}", "unserved": "{}"})
		if b := g.section("b"); b.Status != state.InSync || time.Since(begun) != 0 {
			t.Errorf("the other section is %+v after %s", b, time.Since(begun))
		}
		if u := g.section("unserved"); u.Status != state.Unsupported || u.Message != `no plugin serves the section "unserved" on this system` {
			t.Errorf("the section without a plugin is %+v", u)
		}
		if a := g.section("a"); a.Status != state.Applying || a.Revision != 1 {
			t.Errorf("the hanging section is %+v", a)
		}
	})
}

func TestAFailingSectionBacksOffAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		broken := func(context.Context, string, section.Operation) error { return errors.New("broken") }
		m.fail = broken
		g := start(t, m, guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": "{}"})
		time.Sleep(time.Hour)
		synctest.Wait()
		n := len(strings.Split(m.called(), ", "))
		if n < 10 || n > 20 {
			t.Errorf("%d tries in an hour", n)
		}
		// A new revision that wants the same does not hurry it.
		g.want(t, 2, map[string]string{"a": "{}"})
		if s := g.section("a"); m.called() != "" || s.Revision != 2 || s.Status != state.Failed {
			t.Errorf("got %+v", s)
		}
		// One that wants something else does.
		m.onCall(nil)
		g.want(t, 3, map[string]string{"a": `{"x":1}`})
		if s := g.section("a"); s.Status != state.InSync {
			t.Errorf("got %+v", s)
		}
		// And it comes back by itself.
		m.onCall(broken)
		g.want(t, 4, map[string]string{"a": `{"x":2}`})
		m.onCall(nil)
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if s := g.section("a"); s.Status != state.InSync || s.Revision != 4 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestDriftIsPutRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, newMachine(), guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": "{}"})
		g.m.called()
		reports := g.reported()
		g.disk.Forget()
		time.Sleep(13 * time.Minute)
		synctest.Wait()
		if got := g.m.called(); got != "plan a" || g.reported() != reports || len(g.disk.Writes()) > 0 {
			t.Errorf("at rest: called %s, %d reports, wrote %v", got, g.reported()-reports, g.disk.Writes())
		}
		g.m.set("a", "by hand")
		time.Sleep(13 * time.Minute)
		synctest.Wait()
		if s := g.section("a"); s.Status != state.InSync || g.m.value("a") != "{}" || !slices.Equal(s.Changes, []string{`from "by hand" to "{}"`}) {
			t.Errorf("got %+v", s)
		}
	})
}

func TestOneTransactionIsOpenAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.fail = func(_ context.Context, _ string, op section.Operation) error {
			if op == section.OpApply {
				time.Sleep(time.Second)
			}
			return nil
		}
		g := start(t, m, guesttest.New(nil))
		want := map[string]string{}
		for i := range 8 {
			want[fmt.Sprintf("s%d", i)] = "{}"
		}
		g.want(t, 1, want)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for name := range want {
			if s := g.section(name); s.Status != state.InSync {
				t.Errorf("%s is %+v", name, s)
			}
		}
		if m.most != 1 {
			t.Errorf("%d at once", m.most)
		}
	})
}

func TestABegunChangeMayEndWhenTheDaemonDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.fail = func(ctx context.Context, _ string, op section.Operation) error {
			if op != section.OpApply {
				return ctx.Err()
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(5 * time.Second):
				return nil
			}
		}
		g := start(t, m, guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": "{}"})
		g.stop()
		if got, want := m.called(), "plan a, apply a, plan a"; got != want || m.value("a") != "{}" {
			t.Errorf("called %s, want %s", got, want)
		}
	})
}

func TestASectionLeftOutIsNoLongerManaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, newMachine(), guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": "{}", "b": "{}"})
		g.want(t, 2, map[string]string{"b": "{}"})
		g.m.called()
		g.m.set("a", "by hand")
		time.Sleep(13 * time.Minute)
		synctest.Wait()
		r := g.Reported()
		if _, there := r.Sections["a"]; there || len(r.Sections) != 1 || g.m.value("a") != "by hand" {
			t.Errorf("got %+v", r.Sections)
		}
		g.want(t, 3, map[string]string{"a": "{}"})
		if s := g.section("a"); s.Status != state.InSync || s.Revision != 3 {
			t.Errorf("got %+v", s)
		}
	})
}
