package daemon_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guest"
	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/update"
)

// newGuestd says what it is, and does no more.
const newGuestd = "#!/bin/sh\necho '{\"version\":\"2\",\"target\":\"t\"}'\n"

// lives runs a daemon until it ends.
func lives(t *testing.T, o daemon.Options) (*line, <-chan error) {
	t.Helper()
	l := &line{handler: make(chan link.Handler, 1), news: make(chan struct{}, 1)}
	o.Guest, o.Target, o.Line, o.Log = "g", "t", l, slog.New(slog.DiscardHandler)
	o.PluginDir = filepath.Join(o.StateDir, "plugins")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() { defer close(done); ended <- daemon.Run(ctx, o) }()
	t.Cleanup(func() { cancel(); <-done })
	return l, ended
}

func TestTheDaemonMakesRoomForANewGuestd(t *testing.T) {
	dir := t.TempDir()
	executable := filepath.Join(dir, "guestd")
	if err := guest.Local().WriteFile(executable, []byte("old"), 0o755); err != nil {
		t.Fatal(err)
	}
	u := update.New(update.Options{Machine: guest.Local(), StateDir: dir, Executable: executable, Version: "1", Target: "t"})
	l, ended := lives(t, daemon.Options{StateDir: dir, Version: "1", Updater: u})
	h := (<-l.handler).(link.Updater)
	sum := sha256.Sum256([]byte(newGuestd))
	a := wire.Update{Version: "2", Target: "t", Size: int64(len(newGuestd)), SHA256: sum[:]}
	fetch := func(context.Context, int64) ([]byte, error) { return []byte(newGuestd), nil }

	if start, err := h.Update(t.Context(), "a", wire.Update{Version: "2", Target: "u", Size: 1, SHA256: sum[:]}, fetch); start != nil || err == nil {
		t.Fatalf("another target: %v", err)
	}
	start, err := h.Update(t.Context(), "b", a, fetch)
	if err != nil || start == nil {
		t.Fatalf("the update: %v", err)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended before it was to: %v", err)
	default:
	}
	start()
	if err := <-ended; !errors.Is(err, daemon.ErrUpdate) {
		t.Errorf("it ended with %v", err)
	}
	if r := u.Report(); r == nil || r.ID != "b" || r.Status != state.UpdateTrying {
		t.Errorf("it would report %+v", r)
	}
	if daemon.Held(dir) {
		t.Error("it still holds its place")
	}
}

// The new guestd says the right things of itself; the one that serves no section
// is not tried, and nothing is left of it.
func TestANewGuestdHasToReadWhatTheOldOneReads(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ does, says string }{
		"reads nothing":   {"exit 3", `it does not read the section "motd", which this guestd reads: `},
		"reads it":        {"exec " + self + ` "$@"`, ""},
		"answers nothing": {"true", `it does not read the section "motd"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("DAEMON_TEST_MOTD", filepath.Join(dir, "motd"))
			t.Setenv("GORACE", "atexit_sleep_ms=0") // or each child lasts a second longer
			u := update.New(update.Options{Machine: guest.Local(), StateDir: dir, Executable: filepath.Join(dir, "guestd"), Version: "1", Target: "t"})
			l, _ := lives(t, daemon.Options{
				StateDir: dir, Version: "1", Updater: u, Executable: self, System: state.System{Name: "test"},
				Sections: map[string]section.Description{"motd": {Sections: []string{"motd"}, MemoryMiB: 1024}},
			})
			h := <-l.handler
			if err := h.Desired(t.Context(), desired(1, `{"motd":{"n":1}}`)); err != nil {
				t.Fatal(err)
			}
			program := []byte("#!/bin/sh\n[ \"$1\" != plugin ] || { " + c.does + "; exit; }\necho '{\"version\":\"2\",\"target\":\"t\"}'\n")
			sum := sha256.Sum256(program)
			a := wire.Update{Version: "2", Target: "t", Size: int64(len(program)), SHA256: sum[:]}
			begin, err := h.(link.Updater).Update(t.Context(), "a", a, func(context.Context, int64) ([]byte, error) { return program, nil })
			if c.says == "" {
				if err != nil || begin == nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(u.New()); !errors.Is(err, os.ErrNotExist) || u.Report() != nil {
				t.Errorf("it is left there (%v), and told of as %+v", err, u.Report())
			}
		})
	}
}

func TestADaemonThatIsTriedProvesThatItReachesThePlatform(t *testing.T) {
	nonce := bytes.Repeat([]byte{5}, wire.NonceSize)
	in, out := strings.NewReader("innkeeper try 1 "+base64.StdEncoding.EncodeToString(nonce)+"\n"), make(lines, 1)
	seat, err := update.TakeSeat(in, out)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, _ := lives(t, daemon.Options{StateDir: dir, Version: "2", Trial: seat})
	if got := <-out; got != "innkeeper proof 1 "+base64.StdEncoding.EncodeToString(nonce)+"\n" {
		t.Errorf("it says %q", got)
	}
	l.mu.Lock()
	if l.last.Agent.Version != "" {
		t.Errorf("it keeps sections, and reports %+v", l.last)
	}
	l.mu.Unlock()
	h := (<-l.handler).(link.Updater)
	if _, err := h.Update(t.Context(), "a", wire.Update{}, nil); err == nil || !strings.Contains(err.Error(), "is being tried itself") {
		t.Errorf("an update in the try: %v", err)
	}
}

// lines receives what is written.
type lines chan string

var _ io.Writer = lines(nil)

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}
