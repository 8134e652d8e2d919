package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

func TestDriftIsPutRightOrOnlyReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		g := start(t, m, disk)
		d := wanted(1, map[string]string{"a": `{"v":1}`, "b": `{"v":1}`})
		d.Drift = map[string]state.DriftPolicy{"b": state.ReportDrift}
		g.wantDocument(t, d)
		if g.section("a").Message != "" || g.section("b").Status != state.InSync || m.value("b") != `{"v":1}` {
			t.Fatalf("at first: %+v", g.Reported().Sections)
		}
		m.set("a", "by hand")
		m.set("b", "by hand")
		time.Sleep(13 * time.Minute)
		synctest.Wait()
		a, b := g.section("a"), g.section("b")
		if a.Status != state.InSync || m.value("a") != `{"v":1}` || a.Message != "put right what others had changed" || !strings.Contains(a.Changes[0], "by hand") {
			t.Errorf("enforced: %+v, the machine has %q", a, m.value("a"))
		}
		if b.Status != state.Drifted || m.value("b") != "by hand" || !strings.Contains(b.Message, "by hand") || !strings.Contains(b.Message, `{\"v\":1}`) {
			t.Errorf("reported: %+v, the machine has %q", b, m.value("b"))
		}
		g.stop()

		// After a restart it still is drift, and a new value is no drift.
		again := start(t, m, disk)
		if b := again.section("b"); b.Status != state.Drifted || m.value("b") != "by hand" {
			t.Errorf("after a restart: %+v, the machine has %q", b, m.value("b"))
		}
		d = wanted(2, map[string]string{"b": `{"v":2}`})
		d.Drift = map[string]state.DriftPolicy{"b": state.ReportDrift}
		again.wantDocument(t, d)
		if b := again.section("b"); b.Status != state.InSync || m.value("b") != `{"v":2}` {
			t.Errorf("a new value: %+v, the machine has %q", b, m.value("b"))
		}
	})
}

func TestADryRunTouchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		m.set("a", "old")
		g := start(t, m, disk)
		disk.Forget()
		p, err := g.Plan(t.Context(), wanted(9, map[string]string{"a": "{}", "unserved": "{}"}))
		if err != nil {
			t.Fatal(err)
		}
		a := p.Sections["a"]
		if len(a.Changes) != 1 || a.Changes[0].Summary != `from "old" to "{}"` || string(a.Actual) != `"old"` || !strings.Contains(p.Sections["unserved"].Error, "no plugin") {
			t.Errorf("got %+v", p)
		}
		if m.called() != "plan a" || m.value("a") != "old" || len(disk.Writes()) != 0 || g.Accepted() != 0 {
			t.Errorf("something was touched: %v", disk.Writes())
		}
		p, err = g.Plan(t.Context(), wanted(9, map[string]string{"hostname": `{"name":"-"}`}))
		if err != nil || len(p.Refused) != 1 || !strings.HasPrefix(p.Refused[0], "hostname.name: ") {
			t.Errorf("a bad document: %+v, %v", p, err)
		}
	})
}

func TestASectionWaitsForThoseItComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.described = map[string]section.Description{"b": {After: []string{"a", "unmanaged"}}}
		broken := true
		m.onCall(func(_ context.Context, s string, op section.Operation) error {
			if s == "a" && op == section.OpPlan && broken {
				time.Sleep(time.Second)
				return errors.New("no luck")
			}
			return nil
		})
		g := start(t, m, guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": "{}", "b": "{}", "c": "{}"})
		time.Sleep(time.Second)
		synctest.Wait()
		if b := g.section("b"); b.Status != state.Failed || !strings.Contains(b.Message, "it comes after section a, which is failed: no luck") || m.value("b") != "" {
			t.Errorf("got %+v", b)
		}
		if c := g.section("c"); c.Status != state.InSync {
			t.Errorf("the independent one is %+v", c)
		}
		m.onCall(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if b := g.section("b"); b.Status != state.InSync || m.value("b") != "{}" {
			t.Errorf("in the end: %+v", b)
		}
	})
}

func TestARefusalEndsWhenTheDocumentInForceArrivesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, newMachine(), guesttest.New(nil))
		g.want(t, 2, map[string]string{"a": "{}"})
		if err := g.Desired(t.Context(), wanted(1, map[string]string{"a": "{}"})); err == nil || g.Reported().Refused == nil {
			t.Fatalf("an older document: %v, %+v", err, g.Reported().Refused)
		}
		g.want(t, 2, map[string]string{"a": "{}"})
		if r := g.Reported().Refused; r != nil {
			t.Errorf("still refused: %+v", r)
		}
	})
}
