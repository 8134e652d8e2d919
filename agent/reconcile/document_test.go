package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
)

func TestABadDocumentIsRefusedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, newMachine(), guesttest.New(nil))
		g.want(t, 1, map[string]string{"a": `{"v":1}`})
		for _, c := range []struct {
			d    state.Desired
			says []string
		}{
			{
				document(2, "g", map[string]string{"a": `{"v":2}`, "hostname": `{"name":"a_b","x":1}`}),
				[]string{"hostname.x: is not a known field; known are domain, name"},
			},
			{
				document(3, "g", map[string]string{"a": `{"v":2}`, "hostname": `{"name":"a_b"}`}),
				[]string{`hostname.name: "a_b" has a character that is not allowed in a host name: "_"`},
			},
			{document(4, "other", map[string]string{"a": `{"v":2}`}), []string{`guest: "other" is another guest; this is "g"`}},
		} {
			if err := g.Desired(context.Background(), c.d); err == nil {
				t.Fatalf("%+v was accepted", c.d)
			}
			synctest.Wait()
			r := g.Reported()
			if r.Refused == nil || r.Refused.Revision != c.d.Revision || !slices.Equal(r.Refused.Reasons, c.says) {
				t.Errorf("got %+v, want %q", r.Refused, c.says)
			}
			if r.Revision != 1 || g.m.value("a") != `{"v":1}` {
				t.Errorf("the last good document is not in force: revision %d, value %s", r.Revision, g.m.value("a"))
			}
		}
		g.want(t, 5, map[string]string{"a": `{"v":5}`})
		if r := g.Reported(); r.Refused != nil || r.Revision != 5 {
			t.Errorf("got %+v", r)
		}
		if err := g.Desired(context.Background(), document(4, "g", nil)); err == nil || !strings.Contains(err.Error(), "revision: 4 is older than 5, which is in force") {
			t.Errorf("got %v", err)
		}
	})
}

func document(revision uint64, guest string, sections map[string]string) state.Desired {
	d := state.Desired{Revision: revision, Guest: guest, Sections: map[string]json.RawMessage{}}
	for name, v := range sections {
		d.Sections[name] = json.RawMessage(v)
	}
	return d
}

func TestTheAcceptedDocumentSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m := newMachine()
		g := start(t, m, disk)
		g.want(t, 7, map[string]string{"a": "{}"})
		g.stop()
		m.called()
		g = start(t, m, disk)
		if s := g.section("a"); g.Accepted() != 7 || s.Status != state.InSync || s.Revision != 7 || len(s.Changes) != 0 {
			t.Errorf("revision %d, section %+v", g.Accepted(), s)
		}
	})
}

func TestAnUnreadableCopyIsSetAsideAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		g := start(t, newMachine(), disk)
		g.want(t, 7, map[string]string{"a": "{}"})
		g.stop()
		whole := disk.Content("/state/accepted-a.json")
		for name, bad := range map[string]string{
			"empty": "", "truncated": whole[:len(whole)-3], "changed": strings.Replace(whole, `"revision":7`, `"revision":9`, 1), "zeros": strings.Repeat("\x00", 300),
		} {
			disk.Put("/state/accepted-a.json", bad)
			disk.Put("/state/accepted-b.json", whole)
			g := start(t, newMachine(), disk)
			if g.Accepted() != 7 || disk.Exists("/state/accepted-a.json") || disk.Content("/state/accepted-a.json.unreadable") != bad {
				t.Errorf("%s: revision %d; files %v", name, g.Accepted(), disk.Names())
			}
			if n := g.Reported().Agent.Notes; len(n) != 1 || !strings.Contains(n[0], "/state/accepted-a.json could not be read") || !strings.Contains(n[0], "set aside as /state/accepted-a.json.unreadable") {
				t.Errorf("%s: notes %q", name, n)
			}
			g.stop()
		}
		disk.Put("/state/accepted-a.json", "x")
		disk.Put("/state/accepted-b.json", "y")
		g = start(t, newMachine(), disk)
		if g.Accepted() != 0 || len(g.Reported().Agent.Notes) != 2 {
			t.Errorf("revision %d, notes %q", g.Accepted(), g.Reported().Agent.Notes)
		}
		g.want(t, 1, map[string]string{"a": "{}"})
	})
}

// Whatever call of the disk fails, and whatever copy is lost then, the old or
// the new document is in force after a restart.
func TestTheDocumentIsOldOrNewWhateverFails(t *testing.T) {
	for n := 1; ; n++ {
		disk := guesttest.New(nil)
		failed := false
		synctest.Test(t, func(t *testing.T) {
			g := start(t, newMachine(), disk)
			g.want(t, 1, map[string]string{"a": "{}"})
			calls := 0
			disk.Before = func(call, on string) error {
				calls++
				if calls >= n { // the power went: nothing works from here on
					failed = true
					return fmt.Errorf("%s %s: no power", call, on)
				}
				return nil
			}
			err := g.Desired(context.Background(), document(2, "g", map[string]string{"a": "{}"}))
			g.stop()
			disk.Before = nil
			after := start(t, newMachine(), disk).Accepted()
			if after != 2 && after != 1 || err == nil && after != 2 {
				t.Errorf("call %d fails: Desired says %v and revision %d is in force", n, err, after)
			}
		})
		if !failed {
			break
		}
	}
}

func TestADocumentThatCannotBeKeptIsNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		g := start(t, newMachine(), disk)
		full := errors.New("no space left on device")
		disk.Before = func(call, _ string) error {
			if call == "WriteFile" {
				return full
			}
			return nil
		}
		if err := g.Desired(context.Background(), document(1, "g", map[string]string{"a": "{}"})); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if r := g.Reported(); r.Revision != 0 || r.Refused == nil || !strings.Contains(r.Refused.Reasons[0], "the agent cannot keep the document") || g.m.called() != "" {
			t.Errorf("got %+v", r)
		}
		disk.Before = nil
		g.want(t, 1, map[string]string{"a": "{}"})
	})
}
