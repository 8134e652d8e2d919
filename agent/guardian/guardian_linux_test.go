package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

func withDeadline(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// lifetime is a clock that a test sets.
type lifetime struct {
	mu    sync.Mutex
	now   Instant
	asked chan struct{} // of capacity 1
}

func (l *lifetime) Now() Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.asked <- struct{}{}:
	default:
	}
	return l.now
}

func (l *lifetime) set(now Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = now
}

// calls notes the restores and answers with errors until they run out.
type calls struct {
	mu   sync.Mutex
	ran  []string
	errs []error
}

func (c *calls) Call(_ context.Context, _ plugin.Program, q plugin.Request) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, string(q.Operation)+" "+q.Section+" "+string(q.Checkpoint))
	if len(c.errs) == 0 {
		return json.RawMessage("{}"), nil
	}
	err := c.errs[0]
	c.errs = c.errs[1:]
	return nil, err
}

func (c *calls) list() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.ran, "\n")
}

// desk is a guardian in the test's own process, with one order laid before it.
type desk struct {
	*Guardian
	clock *lifetime
	calls *calls
	bells *bells
}

func newDesk(t *testing.T, m guest.Machine) *desk {
	t.Helper()
	d := &desk{clock: &lifetime{now: Instant{"boot", time.Hour}, asked: make(chan struct{}, 1)}, calls: &calls{}}
	d.Guardian = New(Options{StateDir: t.TempDir(), Machine: m, Caller: d.calls, Clock: d.clock})
	if err := os.Mkdir(d.files.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// lay writes an order whose deadline is in a minute.
func (d *desk) lay(t *testing.T, revision uint64, k kind) string {
	t.Helper()
	id := newID(revision)
	r := record{Boot: "boot", Until: time.Hour + time.Minute, Order: Order{
		Section: "value", Revision: revision, Window: time.Minute,
		Checkpoint: json.RawMessage(before), Program: plugin.Program{Path: "/p"},
	}}
	raw, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if d.bells, err = prepare(d.files.dir, id); err != nil {
		t.Fatal(err)
	}
	d.bells.close()
	if err := d.files.put(id, k, raw); err != nil {
		t.Fatal(err)
	}
	return id
}

// keep runs the guardian of an order and returns when it waits.
func (d *desk) keep(t *testing.T, id string) <-chan error {
	t.Helper()
	var err error
	if d.bells.pending, err = os.OpenFile(d.bells.life, os.O_RDWR|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Keep(t.Context(), d.o, id) }()
	if err := d.bells.ready(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return done
}

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

func left(t *testing.T, d *desk, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(d.files.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("%v is left, want %v", names, want)
	}
}

func TestSettleWithNothingThere(t *testing.T) {
	g := New(Options{StateDir: t.TempDir()})
	if outcomes, err := settle(t, g); err != nil || outcomes != nil {
		t.Errorf("got %v, %v", outcomes, err)
	}
}

func TestWhatCannotBeReadIsSetAside(t *testing.T) {
	for _, k := range []kind{armed, firing, fired} {
		for name, content := range map[string]string{"empty": "", "not ours": "hello", "cut": "innkeeper guardian order 1 sha256:00\n{"} {
			t.Run(string(k)+" "+name, func(t *testing.T) {
				d := newDesk(t, nil)
				bad := d.lay(t, 2, disarmed)
				if err := os.WriteFile(d.files.path(bad, k), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				d.lay(t, 1, armed)
				if err := os.WriteFile(filepath.Join(d.files.dir, ".x.guestd-1"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				outcomes, err := settle(t, d.Guardian)
				if len(outcomes) != 1 || outcomes[0].Revision != 1 {
					t.Errorf("the other one came to %+v", outcomes)
				}
				if err == nil || !strings.Contains(err.Error(), "was set aside as") {
					t.Errorf("got %v", err)
				}
				aside := "firing.unreadable"
				if k == fired {
					aside = "fired.unreadable"
				}
				left(t, d, aside)
				if outcomes, err := settle(t, d.Guardian); err != nil || outcomes != nil {
					t.Errorf("again: %v, %v", outcomes, err)
				}
			})
		}
	}
}

// full is a machine whose disk is.
type full struct {
	guest.Machine
	only string
}

func (f full) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if strings.HasSuffix(path, f.only) {
		return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	}
	return f.Machine.WriteFile(path, data, mode)
}

func TestAFullDisk(t *testing.T) {
	r := newRig(t)
	r.Guardian = New(Options{StateDir: r.dir, Executable: r.o.Executable, Caller: r.o.Caller, Machine: full{guest.Local(), ".armed"}})
	if _, err := r.Arm(t.Context(), r.order); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	r.is("new")
	r.nobody()

	// What came of a restore cannot be kept: it is done again, and told.
	d := newDesk(t, full{guest.Local(), ".fired"})
	d.lay(t, 1, firing)
	if err := d.fire(t.Context(), d.lay(t, 2, armed), record{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	outcomes, err := settle(t, d.Guardian)
	if err != nil || len(outcomes) != 2 {
		t.Errorf("got %+v, %v", outcomes, err)
	}
	left(t, d)
}

func TestOrdersThatCannotBe(t *testing.T) {
	r := newRig(t)
	for says, change := range map[string]func(*Order){
		"names no section":       func(o *Order) { o.Section = "" },
		"names no program":       func(o *Order) { o.Program.Path = "" },
		"window of 0s":           func(o *Order) { o.Window = 0 },
		"window of 24h0m1s":      func(o *Order) { o.Window = 24*time.Hour + time.Second },
		"encode the order: json": func(o *Order) { o.Checkpoint = json.RawMessage("{") },
	} {
		o := r.order
		change(&o)
		if _, err := r.Arm(t.Context(), o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	if err := Keep(t.Context(), Options{StateDir: r.dir}, "../x"); err == nil {
		t.Error("a path is a name")
	}
	if err := Keep(t.Context(), Options{StateDir: r.dir}, newID(1)); err != nil {
		t.Errorf("an order that is gone: %v", err)
	}
}

func TestARestoreIsTriedAgain(t *testing.T) {
	busy := section.Errorf(section.Busy, "", "held")
	for name, c := range map[string]struct {
		errs  []error
		times int
		fails bool
		takes time.Duration
	}{
		"at once":     {nil, 1, false, 0},
		"third time":  {[]error{busy, busy}, 3, false, 3 * time.Second},
		"never":       {[]error{busy, busy, busy, busy, busy}, 4, true, 7 * time.Second},
		"unsupported": {[]error{section.Errorf(section.Unsupported, "", "no")}, 1, true, 0},
		"stuck":       {[]error{&plugin.StuckError{}}, 1, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			caller, begun := &calls{errs: c.errs}, time.Now()
			err := restore(t.Context(), caller, Order{Section: "value"})
			if len(caller.ran) != c.times || (err != nil) != c.fails || time.Since(begun) != c.takes {
				t.Errorf("%s: %d times, %v, %s", name, len(caller.ran), err, time.Since(begun))
			}
		})
	}
}

func TestSystemdEndsNoGuardianWithTheDaemon(t *testing.T) {
	m := guesttest.New(map[string]string{"/run/systemd/system/x": ""})
	const (
		id    = "0000000000000001-ABCDEFGH"
		first = "systemd-run --quiet --unit=guestd-guardian-" + id + " '--description=Innkeeper rollback, waiting to be disarmed'"
		last  = " /usr/local/sbin/guestd guardian --state-dir /var/lib/guestd " + id
	)
	m.OnOutput(first+" --collect"+last, "")
	o := Options{Machine: m, Executable: "/usr/local/sbin/guestd", StateDir: "/var/lib/guestd"}
	if p, err := launch(t.Context(), o, id); p != nil || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	// systemd 219, of CentOS 7.
	m.On(first+" --collect"+last, guest.Result{ExitCode: 1, Stderr: []byte("systemd-run: unrecognized option '--collect'\n")})
	if _, err := launch(t.Context(), o, id); err == nil || !strings.Contains(err.Error(), first+last) {
		t.Errorf("it was not tried without the option: %v", err)
	}
	m.OnOutput(first+last, "")
	if _, err := launch(t.Context(), o, id); err != nil {
		t.Error(err)
	}
	o.Machine, o.Executable = guesttest.New(nil), "/no/such/guestd"
	if _, err := launch(t.Context(), o, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without systemd it starts none itself: %v", err)
	}
}

func TestTheClockRuns(t *testing.T) {
	first := SystemClock().Now()
	second := SystemClock().Now()
	if first.Boot == "" || first.Boot != second.Boot || first.Up <= 0 || second.Up < first.Up {
		t.Errorf("got %v, then %v", first, second)
	}
}

func FuzzOrder(f *testing.F) {
	r := record{Boot: "b", Until: 1, Order: Order{Section: "s", Revision: 1, Window: 1, Checkpoint: json.RawMessage(`{"a":1}`), Program: plugin.Program{Path: "/p", Args: []string{"a"}}}}
	raw, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[strings.IndexByte(string(raw), '\n')+1:], true)
	f.Add(raw, false)
	f.Fuzz(func(t *testing.T, body []byte, sealed bool) {
		if sealed { // past the checksum
			body = append(append(append(header("order"), checksum(body)...), '\n'), body...)
		}
		r, err := parseOrder(body)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", r, err)
		}
		if _, err := parseOrder(again); err != nil {
			t.Fatalf("%+v was written and cannot be read: %v", r, err)
		}
	})
}

func FuzzOutcomeAndDeadline(f *testing.F) {
	f.Add([]byte(`{"section":"s","error":"e"}`), []byte(`{"boot":"b","until_ns":9}`))
	f.Fuzz(func(t *testing.T, outcome, moved []byte) {
		o, err := parseOutcome(append(append(append(header("outcome"), checksum(outcome)...), '\n'), outcome...))
		if err == nil {
			if _, err := o.encode(); err != nil {
				t.Fatal(err)
			}
		}
		d, err := parseDeadline(append(append(append(header("deadline"), checksum(moved)...), '\n'), moved...))
		if err == nil {
			if left := d.left(Instant{"b", time.Hour}); left < 0 || left > longest {
				t.Fatalf("%v leaves %s", d, left)
			}
		}
	})
}
