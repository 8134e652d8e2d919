package platform_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform"
)

// planner is a guest that can make plans.
type planner struct {
	*guest
	plan func(d state.Desired) (state.Plan, error)
}

func (p *planner) Plan(_ context.Context, d state.Desired) (state.Plan, error) { return p.plan(d) }

// joinAs runs a guest with a handler of the test's own.
func joinAs(t *testing.T, j wire.Join, h func(*guest) link.Handler) *guest {
	t.Helper()
	g := &guest{log: &logbook{}, up: make(chan bool, 100), started: time.Now()}
	g.link = link.New(link.Options{Join: j})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.link.Run(ctx, h(g)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the link ended with %v", err)
		}
	})
	return g
}

func TestAPlanIsMadeByTheGuestAndChangesNothing(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	j := enrol(t, p, "web-1")
	revision := set(t, p, "web-1", "alpha")
	want := state.Plan{Guest: "web-1", Sections: map[string]state.PlannedSection{"hostname": {
		Changes: []state.PlannedChange{{Summary: "set the host name", Path: "/etc/hostname", Diff: "-alpha\n+beta\n"}},
	}}}
	asked := make(chan state.Desired, 10)
	joinAs(t, j, func(g *guest) link.Handler {
		return &planner{g, func(d state.Desired) (state.Plan, error) {
			asked <- d
			if string(d.Sections["hostname"]) == `{"name":"none"}` {
				return state.Plan{}, errors.New("no luck")
			}
			return want, nil
		}}
	})
	got, err := p.Plan(patient(t), "web-1", hostname("beta"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("the plan is %s", a)
	}
	if d := <-asked; d.Revision != revision+1 || d.Guest != "web-1" || string(d.Sections["hostname"]) != `{"name":"beta"}` {
		t.Errorf("the guest was asked for %+v", d)
	}
	if d, _, err := p.Desired(patient(t), "web-1"); err != nil || d.Revision != revision {
		t.Errorf("the plan made revision %d, %v", d.Revision, err)
	}
	if _, err := p.Plan(patient(t), "web-1", hostname("none")); err == nil || !strings.Contains(err.Error(), "plan for web-1: the guest answers: plan: no luck") {
		t.Errorf("a plan that failed: %v", err)
	}
	rotate(t, p)
	if _, err := p.Plan(patient(t), "web-1", hostname("beta")); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
}

func TestAPlanWaitsForItsGuestNoLongerThanItsCaller(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	j := enrol(t, p, "web-1")
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Plan(short, "web-1", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := p.Plan(patient(t), "web-2", nil); !errors.Is(err, platform.ErrNotEnrolled) {
		t.Errorf("not enrolled: %v", err)
	}
	// What is given up is not done when the guest comes.
	g, _ := join(t, j)
	g.await(t, true)
	if _, err := p.Plan(patient(t), "web-1", nil); err == nil || !strings.Contains(err.Error(), "this guestd makes no plans") {
		t.Errorf("a guest that makes none: %v", err)
	}
}
