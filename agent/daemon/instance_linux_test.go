package daemon_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guest"
	"innkeeper/agent/state"
)

func TestStatusIsWhatTheDaemonLastSaid(t *testing.T) {
	dir := t.TempDir()
	if _, err := daemon.ReadStatus(guest.Local(), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	g := start(t, dir)
	g.settle(t, desired(3, `{"motd":{"n":1}}`))
	var s daemon.Status
	late := time.After(2 * time.Minute)
	for s.Reported.Revision != 3 || s.Reported.Sections["motd"].Status != state.InSync {
		var err error
		if s, err = daemon.ReadStatus(guest.Local(), g.stateDir); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		select {
		case <-late:
			t.Fatalf("the status is %+v", s)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if !s.Running || !s.Connected || !s.Enrolled {
		t.Errorf("got %+v", s)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if s, err := daemon.ReadStatus(guest.Local(), g.stateDir); err != nil || s.Running || s.Connected || s.Reported.Revision != 3 {
		t.Errorf("after the end: %+v, %v", s, err)
	}
}

func TestASecondInstanceRefuses(t *testing.T) {
	g := start(t, t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(self, "daemon", g.stateDir).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), fmt.Sprintf("another guestd runs already, process %d (it holds %s", os.Getpid(), g.stateDir)) {
		t.Errorf("got %v: %s", err, out)
	}
	if !daemon.Held(g.stateDir) {
		t.Error("the first does not count as running")
	}

	// A lock whose holder was killed is free.
	dir := t.TempDir()
	child := exec.Command(self, "daemon", dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(2 * time.Minute); !daemon.Held(dir) && time.Now().Before(late); {
		<-time.After(5 * time.Millisecond)
	}
	if !daemon.Held(dir) || daemon.Ended(dir) {
		t.Error("the child does not hold its lock")
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if !daemon.Ended(dir) || daemon.Held(dir) {
		t.Error("the child does not count as ended")
	}
	// Nobody can tell of a lock that cannot be looked at.
	if absent := filepath.Join(dir, "absent"); daemon.Ended(absent) || daemon.Held(absent) {
		t.Error("what is not there counts as held, or as ended")
	}
	lock, err := daemon.Acquire(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

// A daemon whose state folder is read-only leaves an earlier one's id in the
// lock file.
func TestTheIDOfAnEndedDaemonIsNotTold(t *testing.T) {
	dir := t.TempDir()
	lock, err := daemon.Acquire(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for pid, told := range map[int]int{os.Getpid(): os.Getpid(), ended.Process.Pid: 0} {
		if err := os.WriteFile(filepath.Join(dir, "guestd.lock"), fmt.Appendf(nil, " %d\n", pid), 0o600); err != nil {
			t.Fatal(err)
		}
		var running *daemon.RunningError
		if _, err := daemon.Acquire(t.Context(), dir); !errors.As(err, &running) {
			t.Fatalf("a second one ended with %v", err)
		}
		if running.PID != told {
			t.Errorf("with %d written down it told of %d", pid, running.PID)
		}
	}
}

func TestTheStateDirectoryIsForRootAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := start(t, dir)
	info, err := os.Stat(g.stateDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}
