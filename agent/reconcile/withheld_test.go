package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
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

// warden is a guard whose order is a file of the disk that the power is taken
// from: it is there from Arm until what came of it was told.
type warden struct {
	three
	applied *int
	// first has the guardian be first each time: it has restored before it is
	// disarmed, and waits for somebody to tell.
	first bool
}

const orderFile = "/state/guardian/order"

type order struct {
	Section    string
	Revision   uint64
	Checkpoint json.RawMessage
}

func (w warden) Call(ctx context.Context, p plugin.Program, q plugin.Request) (json.RawMessage, error) {
	if q.Operation == section.OpApply {
		*w.applied++
	}
	return w.three.Call(ctx, p, q)
}

func (w warden) Arm(_ context.Context, o guardian.Order) (reconcile.Armed, error) {
	raw, err := json.Marshal(order{o.Section, o.Revision, o.Checkpoint})
	if err != nil {
		return nil, err
	}
	return w, w.disk.WriteFile(orderFile, raw, 0o600)
}

func (w warden) Settle(ctx context.Context, told func(guardian.Outcome)) error {
	err := w.fire(ctx, told)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (warden) Renew(context.Context, time.Duration) error { return nil }

func (w warden) Disarm(ctx context.Context, told func(guardian.Outcome)) error {
	if !w.first {
		return w.disk.Remove(orderFile)
	}
	fired := &guardian.FiredError{Section: "a", Revision: 1, Reason: "it was not confirmed in time"}
	return errors.Join(fired, w.fire(ctx, told))
}

func (w warden) Fire(ctx context.Context) error { return w.fire(ctx, func(guardian.Outcome) {}) }

func (w warden) fire(ctx context.Context, told func(guardian.Outcome)) error {
	raw, err := w.disk.ReadFile(orderFile)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	_, err = w.three.Call(ctx, plugin.Program{}, plugin.Request{Operation: section.OpRestore, Section: o.Section, Checkpoint: o.Checkpoint})
	if errors.Is(err, errPower) {
		return err // nobody is there to go on
	}
	told(guardian.Outcome{Section: o.Section, Revision: o.Revision, Reason: "it was not confirmed in time", Err: err})
	return w.disk.Remove(orderFile)
}

// The power goes at each call of a change that nobody confirms, and at each
// call of the start after it: the change is begun once at most, and what was
// before is there at the end.
func TestPowerLossHasNoUnconfirmedRevisionTriedAgain(t *testing.T) {
	for name, first := range map[string]bool{"the daemon undoes it": false, "the guardian is first": true} {
		t.Run(name, func(t *testing.T) {
			begun := 0
			for n := 1; ; n++ {
				complete := false
				for m := 1; ; m++ {
					var went bool
					synctest.Test(t, func(t *testing.T) {
						var applied int
						applied, complete, went = crashUnconfirmed(t, first, n, m)
						begun += applied
					})
					if !went {
						break
					}
				}
				if complete {
					break
				}
			}
			if begun < 20 {
				t.Errorf("the change was begun %d times, too few to tell anything", begun)
			}
		})
	}
}

func crashUnconfirmed(t *testing.T, first bool, n, m int) (applied int, complete, went bool) {
	t.Helper()
	p := &power{}
	disk := guesttest.New(map[string]string{parts[0]: "old", parts[1]: "old", parts[2]: "old"})
	if err := disk.MkdirAll(path.Dir(orderFile), 0o700); err != nil {
		t.Fatal(err)
	}
	disk.Before = p.call
	caller := warden{three{newMachine(), disk}, &applied, first}
	caller.machine.described = map[string]section.Description{"a": {MayCutOff: true}}
	live := func(at int) *rig {
		p.goesAt(at)
		g := start(t, caller.machine, disk, func(o *reconcile.Options) {
			o.Caller, o.Guard = caller, caller
			o.Confirm = func(ctx context.Context) error {
				if first {
					return nil
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}
		})
		g.Connected(true)
		// The document is not taken when the power goes first.
		_ = g.Desired(t.Context(), wanted(1, map[string]string{"a": `{"new":1}`}))
		time.Sleep(3 * time.Minute) // the window and more
		synctest.Wait()
		g.stop()
		return g
	}
	live(n)
	complete = !p.went()
	live(m)
	went = p.went()
	last := live(0)
	if applied > 1 {
		t.Fatalf("the power went at call %d, and at call %d of the start: the change was begun %d times", n, m, applied)
	}
	if now := caller.state(); now != "old" {
		t.Fatalf("the power went at call %d, and at call %d of the start: the machine is %s", n, m, now)
	}
	if a := last.section("a"); a.Status != state.RolledBack || !strings.Contains(a.Message, "not confirmed") {
		t.Fatalf("the power went at call %d, and at call %d of the start: it ends with %+v", n, m, a)
	}
	return applied, complete, went
}

// The disk is full when it is to be kept that a revision was undone.
func TestAFullDiskHasNoUnconfirmedRevisionTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := guesttest.New(nil)
		m, s, with := cuttable(func(context.Context) error { return nil })
		g := start(t, m, disk, with)
		g.want(t, 4, map[string]string{"a": "{}"})
		g.stop()
		m.set("a", "old")
		m.called()
		disk.Before = func(call, _ string) error {
			if call == "WriteFile" {
				return errors.New("no space left on device")
			}
			return nil
		}
		s.left = []guardian.Outcome{{Section: "a", Revision: 4, Reason: "it was not confirmed in time"}}
		again := start(t, m, disk, with)
		if a := again.section("a"); a.Status != state.RolledBack || m.called() != "" {
			t.Errorf("got %+v", a)
		}
	})
}

// What could not be undone is tried again, though the revision is not.
func TestAnUnconfirmedChangeThatCannotBeUndoneIsUndoneLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, with := cuttable(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		g := start(t, m, guesttest.New(nil), with)
		g.Connected(true)
		broken := true
		m.onCall(func(_ context.Context, _ string, op section.Operation) error {
			if op == section.OpRestore && broken {
				return errors.New("held")
			}
			return nil
		})
		g.want(t, 1, map[string]string{"a": "{}"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if a := g.section("a"); a.Status != state.Failed || !strings.Contains(a.Message, "could not be restored: held") {
			t.Errorf("got %+v", a)
		}
		m.onCall(nil)
		m.called()
		time.Sleep(time.Hour)
		synctest.Wait()
		if a := g.section("a"); a.Status != state.RolledBack || m.value("a") != "old" || m.called() != "restore a" {
			t.Errorf("got %+v; the machine has %q", a, m.value("a"))
		}
	})
}
