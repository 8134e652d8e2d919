package guardian

import (
	"errors"
	"testing"
	"time"

	"innkeeper/agent/systems/section"
)

func TestSettleAfterABoot(t *testing.T) {
	d := newDesk(t, nil)
	d.lay(t, 1, armed)
	d.lay(t, 12, firing)
	d.lay(t, 3, disarmed)
	d.calls.errs = []error{section.Errorf(section.Invalid, "", "no such thing")}
	d.clock.set(Instant{"another boot", time.Second})
	outcomes, err := settle(t, d.Guardian)
	const reason = "it was not confirmed when the machine was started anew"
	if err != nil || len(outcomes) != 2 || outcomes[0].Revision != 12 || outcomes[0].Err == nil ||
		outcomes[1] != (Outcome{Section: "value", Revision: 1, Reason: reason}) {
		t.Errorf("got %+v, %v", outcomes, err)
	}
	left(t, d)
}

func TestSettleWithNothingThere(t *testing.T) {
	g := New(Options{StateDir: t.TempDir()})
	if outcomes, err := settle(t, g); err != nil || outcomes != nil {
		t.Errorf("got %v, %v", outcomes, err)
	}
}

// An outcome is told before it leaves the disk, or a crash would have it
// forgotten.
func TestAnOutcomeIsToldBeforeItIsGone(t *testing.T) {
	for _, k := range []kind{armed, firing} {
		d := newDesk(t, nil)
		id := d.lay(t, 1, k)
		times := 0
		err := d.Settle(t.Context(), func(o Outcome) {
			times++
			if o.Revision != 1 || !d.files.has(id, firing) {
				t.Errorf("%s: told %+v with the order gone", k, o)
			}
		})
		if err != nil || times != 1 {
			t.Errorf("%s: told %d times, %v", k, times, err)
		}
		left(t, d)
	}

	d := newDesk(t, nil)
	id := d.lay(t, 1, armed)
	d.clock.set(Instant{"boot", 2 * time.Hour})
	if err := <-d.keep(t, id); err != nil {
		t.Fatal(err)
	}
	a := &Armed{g: d.Guardian, id: id, bells: d.bells}
	var told *Outcome
	err := a.Disarm(t.Context(), func(o Outcome) {
		told = &o
		if !d.files.has(id, fired) {
			t.Error("told when it was gone")
		}
	})
	var first *FiredError
	if !errors.As(err, &first) || told == nil || told.Reason != "it was not confirmed in time" {
		t.Errorf("got %v, told %+v", err, told)
	}
	left(t, d)
}
