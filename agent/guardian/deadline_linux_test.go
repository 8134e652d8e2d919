package guardian

import (
	"sync"
	"testing"
	"time"

	"innkeeper/agent/guest"
)

// jumping is a machine whose wall clock is elsewhere each time it is asked.
type jumping struct {
	guest.Machine
	mu    sync.Mutex
	asked int
}

func (j *jumping) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	return time.Now().AddDate(10*(1-2*(j.asked%2)), 0, 0)
}

func TestOnlyTheTimeSinceBootCounts(t *testing.T) {
	machine := &jumping{Machine: guest.Local()}
	d := newDesk(t, machine)
	done := d.keep(t, d.lay(t, 1, armed))
	for _, up := range []time.Duration{time.Hour, time.Hour + time.Minute - 1} {
		d.clock.set(Instant{"boot", up})
		d.bells.ring()
		select {
		case err := <-done:
			t.Fatalf("it ended at %s: %v", up, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	d.clock.set(Instant{"boot", time.Hour + time.Minute})
	d.bells.ring()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := d.calls.list(); got != "restore value "+before {
		t.Errorf("called %s", got)
	}
	if machine.asked != 0 {
		t.Error("the wall clock was asked")
	}
	outcomes, err := settle(t, d.Guardian)
	if err != nil || len(outcomes) != 1 || outcomes[0] != (Outcome{Section: "value", Revision: 1, Reason: "it was not confirmed in time"}) {
		t.Errorf("got %+v, %v", outcomes, err)
	}
}

// A machine that slept past the deadline is restored though nothing rings.
func TestTimeAsleepCounts(t *testing.T) {
	d := newDesk(t, nil)
	done := d.keep(t, d.lay(t, 1, armed))
	<-d.clock.asked
	d.clock.set(Instant{"boot", 24 * time.Hour})
	select {
	case err := <-done:
		if err != nil || d.calls.list() == "" {
			t.Errorf("got %v, %q", err, d.calls.list())
		}
	case <-time.After(10 * look):
		t.Fatal("it still waits")
	}
}

// Without the bell each would take until the guardian's next look.
func TestDisarmWakesTheGuardian(t *testing.T) {
	const rounds = 4
	var took time.Duration
	for range rounds {
		d := newDesk(t, nil)
		id := d.lay(t, 1, armed)
		done := d.keep(t, id)
		<-d.clock.asked
		begun := time.Now()
		a := &Armed{g: d.Guardian, id: id, bells: d.bells}
		if err := a.Disarm(t.Context(), deaf); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		took += time.Since(begun)
	}
	if took > rounds*look/2 {
		t.Errorf("%d times took %s", rounds, took)
	}
}

func TestADifferentBootFires(t *testing.T) {
	for name, now := range map[string]Instant{
		"by its id":        {"another boot", time.Hour},
		"by its short age": {"boot", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			id := d.lay(t, 1, armed)
			if name == "by its short age" { // the deadline is 25 h off
				raw, err := deadline{"boot", 25*time.Hour + time.Second + 1}.encode()
				if err != nil {
					t.Fatal(err)
				}
				if err := d.files.put(id, until, raw); err != nil {
					t.Fatal(err)
				}
			}
			d.clock.set(now)
			if err := <-d.keep(t, id); err != nil || d.calls.list() == "" {
				t.Errorf("got %v, %q", err, d.calls.list())
			}
		})
	}
}

func TestTheClockRuns(t *testing.T) {
	first := SystemClock().Now()
	second := SystemClock().Now()
	if first.Boot == "" || first.Boot != second.Boot || first.Up <= 0 || second.Up < first.Up {
		t.Errorf("got %v, then %v", first, second)
	}
}
