package update_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/agent/update"
)

func TestAGoodOneTakesThePlace(t *testing.T) {
	w := newWorld()
	if ready, err := w.take(); err != nil || !ready {
		t.Fatal(ready, err)
	}
	u := w.live()
	if w.served != "2" || w.launched != 1 || !w.proved {
		t.Errorf("version %s serves after %d tries", w.served, w.launched)
	}
	if got := *u.Report(); got != (state.Update{ID: "task", From: "1", Version: "2", Status: state.UpdateConfirmed}) {
		t.Errorf("it reports %+v", got)
	}
	if string(w.disk.now[installed+".old"]) != oldOne || w.disk.now[installed+".new"] != nil {
		t.Error("the old one is not kept, or the new one is left")
	}
	// The platform did not hear of it and asks again; then it wants the same anew.
	if ready, err := w.take(); ready || err != nil {
		t.Errorf("again: %t, %v", ready, err)
	}
	if _, err := w.updater().Take(t.Context(), "another", announced(), fetch); err == nil || !strings.Contains(err.Error(), "is the one announced") {
		t.Errorf("another time: %v", err)
	}
}

func TestOneThatIsNoGoodIsGivenUp(t *testing.T) {
	for why, c := range map[string]struct {
		behave func(*child)
		tries  int
	}{
		"it did not reach the platform within 1m0s":                              {func(*child) {}, 1},
		"it ended 3 times by itself, the last time with exit status 3":           {func(c *child) { close(c.done) }, 3},
		"it did not reach the platform within 1m0s after it said so ":            {func(c *child) { c.proof <- []byte("believe me") }, 1},
		"it did not reach the platform within 1m0s, having said nothing at all ": {func(c *child) { c.proof <- nil }, 1},
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.behave = c.behave
				if _, err := w.take(); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				u := w.live()
				if r := u.Report(); r.Status != state.UpdateRolledBack || !strings.HasPrefix(why, r.Message) {
					t.Errorf("it reports %+v", r)
				}
				if w.served != "1" || w.launched != c.tries || w.disk.now[installed+".new"] != nil || time.Since(begun) > window {
					t.Errorf("version %s serves after %d tries and %s", w.served, w.launched, time.Since(begun))
				}
				if _, err := w.take(); err == nil || !strings.Contains(err.Error(), "it was tried, and the old guestd came back") {
					t.Errorf("the same again: %v", err)
				}
			})
		})
	}
}

// A plugin that is being started holds what was just written open for a moment.
func TestAFileThatIsBusyForAMomentIsTakenAllTheSame(t *testing.T) {
	for busy, taken := range map[int]bool{3: true, 1000: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			times := 0
			w.machine.OnDo(installed+".new version --json", func(guest.Command) (guest.Result, error) {
				if times++; times <= busy {
					return guest.Result{}, &fs.PathError{Op: "fork/exec", Path: installed + ".new", Err: syscall.ETXTBSY}
				}
				return guest.Result{Stdout: []byte(`{"version":"2","target":"linux/amd64"}`)}, nil
			})
			begun := time.Now()
			if ready, err := w.take(); ready != taken || (err == nil) != taken || time.Since(begun) > 10*time.Second {
				t.Errorf("busy %d times: %t, %v, after %s", busy, ready, err, time.Since(begun))
			}
		})
	}
}

func TestWhatIsNotAnnouncedIsNotTaken(t *testing.T) {
	whole := func(change func(content []byte) []byte) update.Fetch {
		content := change([]byte(newOne))
		return func(_ context.Context, offset int64) ([]byte, error) {
			if offset >= int64(len(content)) {
				return nil, nil
			}
			return content[offset:min(offset+wire.MaxChunk, int64(len(content)))], nil
		}
	}
	for want, c := range map[string]struct {
		fetch  update.Fetch
		change func(*wire.Update)
	}{
		"its SHA-256 is another": {fetch: whole(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })},
		"more comes than":        {fetch: whole(func(b []byte) []byte { return append(b, 'x') })},
		"has 0 bytes; 1 to":      {fetch: whole(func(b []byte) []byte { return b[:len(b)-1] })},
		"has 262145 bytes": {fetch: func(context.Context, int64) ([]byte, error) {
			return make([]byte, wire.MaxChunk+1), nil
		}},
		"the line broke":                    {fetch: func(context.Context, int64) ([]byte, error) { return nil, errors.New("the line broke") }},
		"the update is for windows/amd64":   {change: func(u *wire.Update) { u.Target = "windows/amd64" }},
		"67108865 bytes; 1 to":              {change: func(u *wire.Update) { u.Size = wire.MaxBinary + 1 }},
		`and announced was "3"`:             {change: func(u *wire.Update) { u.Version = "3" }},
		"the update's window has -1 second": {change: func(u *wire.Update) { u.WindowSeconds = -1 }},
	} {
		w := newWorld()
		a := announced()
		if c.change != nil {
			c.change(&a)
		}
		if c.fetch == nil {
			c.fetch = fetch
		}
		if ready, err := w.updater().Take(t.Context(), "task", a, c.fetch); ready || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %t, %v", want, ready, err)
		}
		if w.disk.now[installed+".new"] != nil || w.machine.Exists(record) {
			t.Errorf("%s: something is left", want)
		}
		if w.live(); w.served != "1" || w.launched != 0 {
			t.Errorf("%s: version %s serves after %d tries", want, w.served, w.launched)
		}
	}
}

func TestOneThatIsSpoiledOnTheDiskIsNotTried(t *testing.T) {
	w := newWorld()
	if _, err := w.take(); err != nil {
		t.Fatal(err)
	}
	w.disk.now[installed+".new"][5] ^= 1
	if r := w.live().Report(); w.launched != 0 || r.Status != state.UpdateRolledBack || !strings.Contains(r.Message, "was spoiled before") {
		t.Errorf("%d tries, %+v", w.launched, r)
	}
}

func TestADiskThatTakesNothingKeepsTheOldOne(t *testing.T) {
	w := newWorld()
	if _, err := w.take(); err != nil {
		t.Fatal(err)
	}
	w.behave = func(c *child) {
		c.proof <- []byte("signed")
		w.disk.err = errors.New("the disk is full")
	}
	r := w.live().Report()
	if w.served != "1" || r.Status != state.UpdateRolledBack || !strings.Contains(r.Message, "the disk is full") {
		t.Errorf("version %s serves, %+v", w.served, r)
	}
}

func TestARecordThatCannotBeReadHindersNobody(t *testing.T) {
	for _, content := range []string{"", "{}", "innkeeper update 1 sha256:00\n{}", strings.Repeat("x", 1<<20)} {
		w := newWorld()
		w.machine.Put(record, content)
		w.disk.now[installed+".new"] = []byte("half")
		if _, err := w.updater().Settle(); err == nil {
			t.Errorf("%.20q: nobody is told", content)
		}
		if w.live(); w.served != "1" || w.disk.now[installed+".new"] != nil || w.machine.Exists(record) {
			t.Errorf("%.20q: version %s serves, or something is left", content, w.served)
		}
	}
}

func TestTheEndOfTheServiceEndsTheTry(t *testing.T) {
	w := newWorld()
	if _, err := w.take(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the service is stopped")
	var tried *child
	w.behave = func(c *child) { tried = c; cancel(stop) }
	if proved, err := w.updater().Try(ctx, w.trial()); proved || !errors.Is(err, stop) || !tried.stopped {
		t.Errorf("%t, %v", proved, err)
	}
	if r := w.live().Report(); w.served != "1" || r.Message != "the machine or guestd ended while it was tried" {
		t.Errorf("version %s serves, %+v", w.served, r)
	}
}

// Whenever the process is killed or the power goes, and again while that is
// being settled: the name is never missing, and the new one has it only if it
// had proved itself.
func TestACrashAtEachStepLeavesOneOfTheTwo(t *testing.T) {
	outcomes := map[string]int{}
	for _, fate := range []string{"killed", "without power"} {
		for first := 1; ; first++ {
			reached := false
			for second := 0; second == 0 || reached; second++ {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					w.power.goesAt(first)
					if ready, err := w.take(); ready && err == nil {
						w.live()
					}
					if !w.power.went() {
						reached = false
						outcomes["never"]++
						return
					}
					name := fmt.Sprintf("%s at call %d", fate, first)
					w.fall(t, fate, name)
					w.power.goesAt(second)
					w.live()
					if reached = second == 0 || w.power.went(); second != 0 && reached {
						name += fmt.Sprintf(" and at call %d after that", second)
						w.fall(t, fate, name)
						w.power.goesAt(0)
						w.live()
					}
					w.power.goesAt(0)
					w.rests(t, name)
					outcomes[w.served]++
				})
			}
			if outcomes["never"] > 0 {
				break
			}
		}
		delete(outcomes, "never")
	}
	t.Logf("the old one served after %d crashes, the new one after %d", outcomes["1"], outcomes["2"])
	if outcomes["1"] < 100 || outcomes["2"] < 100 {
		t.Error("that is too few to have been everywhere")
	}
}
