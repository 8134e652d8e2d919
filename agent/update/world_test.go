package update_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/agent/update"
)

const (
	installed = "/sbin/guestd"
	record    = "/var/lib/guestd/update.json"
	oldOne    = "the old guestd"
	target    = "linux/amd64"
	window    = time.Minute
)

// newOne takes several pieces.
var newOne = strings.Repeat("the new guestd ", wire.MaxChunk/7)

func announced() wire.Update {
	sum := sha256.Sum256([]byte(newOne))
	return wire.Update{Version: "2", Target: target, Size: int64(len(newOne)), SHA256: sum[:], WindowSeconds: int(window.Seconds())}
}

// world is a machine, and what is to come of the new guestd on it.
type world struct {
	power    *power
	disk     *disk
	machine  *guesttest.Fake
	behave   func(*child) // when it is tried
	launched int
	proved   bool
	nonce    []byte
	served   string // the version of the guestd that became the daemon
}

func newWorld() *world {
	p := &power{}
	w := &world{power: p, disk: newDisk(p, installed, oldOne), machine: guesttest.New(nil), behave: func(c *child) { c.proof <- []byte("signed") }}
	w.machine.PutDir("/var/lib/guestd")
	w.machine.Before = func(string, string) error { return p.call() }
	w.machine.OnDo(installed+".new version --json", func(guest.Command) (guest.Result, error) {
		if string(w.disk.now[installed+".new"]) != newOne {
			return guest.Result{ExitCode: 126}, nil
		}
		return guest.Result{Stdout: []byte(`{"version":"2","target":"linux/amd64","go":"go1"}`)}, nil
	})
	return w
}

// updater is that of the guestd that is installed.
func (w *world) updater() *update.Updater {
	version := "1"
	if string(w.disk.now[installed]) == newOne {
		version = "2"
	}
	return update.New(update.Options{
		Machine: w.machine, Disk: w.disk, StateDir: "/var/lib/guestd", Executable: installed, Version: version, Target: target,
	})
}

func fetch(_ context.Context, offset int64) ([]byte, error) {
	return []byte(newOne[offset:min(offset+wire.MaxChunk, int64(len(newOne)))]), nil
}

// child is a new guestd that is tried.
type child struct {
	proof   chan []byte
	done    chan struct{}
	stopped bool
}

func (c *child) Proof() <-chan []byte  { return c.proof }
func (c *child) Done() <-chan struct{} { return c.done }
func (c *child) End() string           { return "exit status 3" }
func (c *child) Stop()                 { c.stopped = true }

func (w *world) trial() update.Trial {
	return update.Trial{
		Random: bytes.NewReader(bytes.Repeat([]byte{7}, 32)),
		Launch: func(path string, nonce []byte) (update.Child, error) {
			if err := w.power.call(); err != nil {
				return nil, err
			}
			if string(w.disk.now[path]) != newOne {
				return nil, fmt.Errorf("%s cannot be started", path)
			}
			w.launched++
			w.nonce = nonce
			c := &child{proof: make(chan []byte, 1), done: make(chan struct{})}
			w.behave(c)
			return c, nil
		},
		Check: func(nonce, answer []byte) error {
			if !bytes.Equal(nonce, w.nonce) || string(answer) != "signed" {
				return errors.New("forged")
			}
			w.proved = true
			return nil
		},
	}
}

// live is what a guestd that is started does, until it is the daemon; the
// updater is that of the guestd that then is.
func (w *world) live() *update.Updater {
	for {
		u := w.updater()
		swapped, _ := u.Settle()
		if swapped {
			continue
		}
		if w.power.went() {
			return u
		}
		if proved, _ := u.Try(context.Background(), w.trial()); !proved {
			w.served = "1"
			if string(w.disk.now[installed]) == newOne {
				w.served = "2"
			}
			return u
		}
	}
}

func (w *world) take() (bool, error) {
	return w.updater().Take(context.Background(), "task", announced(), fetch)
}

// fall is what is left of the machine.
func (w *world) fall(t *testing.T, fate, name string) {
	t.Helper()
	if fate == "without power" {
		w.disk.cut()
	}
	switch is := string(w.disk.now[installed]); {
	case is != oldOne && is != newOne:
		t.Fatalf("%s: the system finds no whole guestd", name)
	case is == newOne && !w.proved:
		t.Fatalf("%s: the new one has the place and never proved itself", name)
	}
}

// rests is what must be when all is settled.
func (w *world) rests(t *testing.T, name string) {
	t.Helper()
	w.fall(t, "", name)
	if w.disk.now[installed+".new"] != nil {
		t.Errorf("%s: the new one is left", name)
	}
	r := w.updater().Report()
	switch {
	case w.launched > 1:
		t.Errorf("%s: it was tried %d times", name, w.launched)
	case r == nil && w.launched > 0:
		t.Errorf("%s: nobody knows what came of it", name)
	case r != nil && (r.Status == state.UpdateConfirmed) != (w.served == "2"):
		t.Errorf("%s: version %s serves, and it reports %+v", name, w.served, r)
	}
}
