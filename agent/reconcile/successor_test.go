package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
	"innkeeper/agent/systems/section"
)

// two is a machine with two programs for each section: its own, and that of
// another guestd.
type two struct {
	*machine
	// third are the sections whose plugins are not guestd's own.
	third map[string]bool
	// blind and own are what reading a section fails with, in the other guestd
	// and in this one.
	blind, own map[string]error
	// once has the other guestd fail only the first time.
	once bool
	read []string // by the other guestd
}

func (m *two) Find(ctx context.Context, name string) (plugin.Program, error) {
	p, err := m.machine.Find(ctx, name)
	p.Builtin = !m.third[name]
	return p, err
}

func (m *two) Call(ctx context.Context, p plugin.Program, q plugin.Request) (json.RawMessage, error) {
	if p.Path != "/new/guestd" {
		if err := m.own[q.Section]; err != nil {
			return nil, err
		}
		return m.machine.Call(ctx, p, q)
	}
	m.read = append(m.read, string(q.Operation)+" "+q.Section)
	if err := m.blind[q.Section]; err != nil && !(m.once && len(m.read) > 1) {
		return nil, err
	}
	return m.machine.Call(ctx, p, q)
}

func TestASuccessorReadsWhatThisOneReads(t *testing.T) {
	crash := &plugin.CrashError{Call: plugin.Call{Section: "a", Operation: section.OpPlan}, ExitCode: 2}
	for name, c := range map[string]struct {
		m    two
		read string // by the other guestd
		says string
	}{
		"all is well":           {two{}, "plan a, plan b", ""},
		"one is not read":       {two{blind: map[string]error{"a": crash}}, "plan a, plan a", `does not read the section "a", which this guestd reads: `},
		"the last is not read":  {two{blind: map[string]error{"b": crash}}, "plan a, plan b, plan b", `does not read the section "b"`},
		"it was for a moment":   {two{blind: map[string]error{"a": crash}, once: true}, "plan a, plan a, plan b", ""},
		"neither reads it":      {two{blind: map[string]error{"a": crash}, own: map[string]error{"a": errors.New("no")}}, "plan a, plan b", ""},
		"a plugin of the owner": {two{blind: map[string]error{"a": crash}, third: map[string]bool{"a": true}}, "plan b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &c.m
				m.machine = newMachine()
				m.set("a", "{}")
				g := start(t, m.machine, guesttest.New(nil), func(o *reconcile.Options) { o.Caller, o.Catalogue = m, m })
				g.want(t, 1, map[string]string{"a": "{}", "b": "{}", "unserved": "{}"})
				m.called()
				err := g.Successor(t.Context(), "/new/guestd")
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("got %v", err)
				}
				if got := strings.Join(m.read, ", "); got != c.read {
					t.Errorf("it was asked to %s, want %s", got, c.read)
				}
				if got := m.called(); strings.Contains(got, "apply") {
					t.Errorf("called %s", got)
				}
			})
		})
	}
}
