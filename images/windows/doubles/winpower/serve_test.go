//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"innkeeper/images/windows/appears"
)

// ask hands a request over as the double of shutdown.exe does.
func ask(t *testing.T, dir, line string) {
	t.Helper()
	hand(t, filepath.Join(dir, "request"), line)
}

func hand(t *testing.T, file, line string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func TestServePerforms(t *testing.T) {
	dir := t.TempDir()
	ask(t, dir, "nonsense")
	done := make(chan error, 1)
	performed := make(chan string, 1)
	go func() {
		done <- serve(t.Context(), dir, machine{perform: func(action string) error { performed <- action; return errors.New("told") }})
	}()
	await(t, dir, "request", false)
	ask(t, dir, "reboot 0")
	if got := <-performed; got != "reboot" {
		t.Errorf("performed %q", got)
	}
	if err := <-done; err == nil || err.Error() != "told" {
		t.Errorf("serve returned %v, want the error of what it performed", err)
	}
}

func TestServeAborts(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, dir, machine{perform: func(action string) error { t.Errorf("performed %s", action); return nil }})
	}()
	ask(t, dir, "poweroff 3600")
	await(t, dir, "pending", true)
	ask(t, dir, "abort 0")
	await(t, dir, "pending", false)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestServeMovesTheClock(t *testing.T) {
	dir := t.TempDir()
	hand(t, filepath.Join(dir, "clock"), "16h")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	moved := make(chan time.Duration, 1)
	go func() {
		done <- serve(ctx, dir, machine{moveClock: func(by time.Duration) error { moved <- by; return nil }})
	}()
	await(t, dir, "clock", false)
	hand(t, filepath.Join(dir, "clock"), "-1m0.5s")
	if by := <-moved; by != -60500*time.Millisecond {
		t.Errorf("moved by %v", by)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// await returns when the file is there, or is gone.
func await(t *testing.T, dir, name string, there bool) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) == there {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: there is still %v", name, !there)
		}
	}
}

func TestParse(t *testing.T) {
	for _, line := range []string{"", "reboot", "reboot x", "reboot -1", "halt 0", "reboot 0 0", "reboot 315360001"} {
		if r, err := parse(line); err == nil {
			t.Errorf("%q gave %v, want an error", line, r)
		}
	}
	if r, err := parse("poweroff 30\n"); err != nil || r != (request{"poweroff", 30 * time.Second}) {
		t.Errorf("got %v, %v", r, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("reboot 0\n")
	f.Fuzz(func(t *testing.T, line string) {
		if r, err := parse(line); err == nil && (r.delay < 0 || r.action == "") {
			t.Errorf("%q gives %+v", line, r)
		}
	})
}

func TestServeNeedsItsFolder(t *testing.T) {
	if _, err := appears.New(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("watches a folder that is not there")
	}
}

func FuzzParseMove(f *testing.F) {
	f.Add("-1m0.5s\n")
	f.Add("15h0m1s")
	f.Fuzz(func(t *testing.T, line string) {
		by, err := parseMove(line)
		if err == nil && by.Abs() > furthest {
			t.Fatalf("%q moves the clock by %v", line, by)
		}
	})
}
