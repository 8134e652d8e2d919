package guardian

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
)

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
	if err := d.fire(t.Context(), d.lay(t, 2, armed), record{}, late); !errors.Is(err, syscall.ENOSPC) {
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
