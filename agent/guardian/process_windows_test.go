package guardian

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func windowsRig(t *testing.T) (*Guardian, Order) {
	t.Helper()
	dir := t.TempDir()
	g, o, err := rigIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "value"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	return g, o
}

func valueIs(t *testing.T, g *Guardian, want string) {
	t.Helper()
	if b, err := os.ReadFile(filepath.Join(g.o.StateDir, "value")); err != nil || string(b) != want {
		t.Errorf("the value is %s, %v; want %s", b, err, want)
	}
	entries, err := os.ReadDir(g.files.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left", e.Name())
	}
}

func TestDisarmedInTime(t *testing.T) {
	g, o := windowsRig(t)
	begun := time.Now()
	a, err := g.Arm(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("armed in %s", time.Since(begun))
	if err := a.Disarm(t.Context(), deaf); err != nil {
		t.Error(err)
	}
	t.Logf("disarmed after %s", time.Since(begun))
	valueIs(t, g, "new")
}

func TestFiresAtTheDeadline(t *testing.T) {
	g, o := windowsRig(t)
	a, err := g.Arm(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Renew(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := a.bells.ended(t.Context()); err != nil {
		t.Fatal(err)
	}
	var fired *FiredError
	if err := a.Disarm(t.Context(), deaf); !errors.As(err, &fired) || fired.Err != nil {
		t.Errorf("got %v", err)
	}
	valueIs(t, g, before)
}

// The guardian outlives the daemon that was killed, and ends when the next
// daemon settles.
func TestTheDaemonIsNotNeeded(t *testing.T) {
	for window, reason := range map[string]string{
		"5s": "it was not confirmed in time",
		"1h": "it was not confirmed when the daemon ended",
	} {
		g, _ := windowsRig(t)
		cmd := exec.Command(g.o.Executable, "arm", g.o.StateDir, window)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 6)
		if _, err := out.Read(said); err != nil || string(said) != "armed\n" {
			t.Fatalf("it said %q, %v", said, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		ids, err := g.files.list()
		if err != nil || len(ids) != 1 {
			t.Fatalf("the orders are %v, %v", ids, err)
		}
		if window == "5s" {
			if err := attach(g.files.dir, ids[0]).ended(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		outcomes, err := settle(t, g)
		if err != nil || len(outcomes) != 1 || outcomes[0] != (Outcome{Section: "value", Revision: 7, Reason: reason}) {
			t.Errorf("%s: got %+v, %v", window, outcomes, err)
		}
		valueIs(t, g, before)
	}
}
