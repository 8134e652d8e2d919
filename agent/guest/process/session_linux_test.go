package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/guest/process"
)

func start(t *testing.T, script string) (*process.Child, *process.Capped) {
	t.Helper()
	out := &process.Capped{Limit: 1 << 16}
	c, err := process.Start(exec.Command("bash", "-c", script), process.Options{Stdout: out, Stderr: out, Group: process.OwnSession})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill(); <-c.Done() })
	return c, out
}

// A session is ended with the groups its commands made and the orphans in
// them; only what took a session of its own goes on.
func TestASessionIsEndedWhole(t *testing.T) {
	dir := t.TempDir()
	// "set -m" gives each job of the shell a group of its own.
	c, out := start(t, `set -m; cd `+dir+`; sleep 1000 & echo $!; (sleep 1000 & echo $!) ; setsid sh -c 'echo $$ >svc; echo ok >ready; exec sleep 1000' </dev/null >/dev/null 2>&1 &
		until test -e ready; do :; done; exit 7`)
	<-c.Done()
	if end := c.End(); end.ExitCode != 7 || end.Err != nil {
		t.Errorf("it ended with %+v", end)
	}
	pids := strings.Fields(string(out.Bytes()))
	if len(pids) != 2 {
		t.Fatalf("it printed %q", out.Bytes())
	}
	for _, p := range pids {
		if alive(p) {
			t.Errorf("process %s still runs", p)
		}
	}
	svc, err := os.ReadFile(filepath.Join(dir, "svc"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(svc)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the service does not run any more: %v", err)
	}
}

func TestKillAfterTheEndKillsNobody(t *testing.T) {
	c, _ := start(t, "true")
	<-c.Done()
	c.Kill()
	if _, err := c.Resident(); err == nil {
		t.Error("a process that ended holds memory")
	}
}

func TestResidentCountsTheWholeSession(t *testing.T) {
	// The one who holds the memory is a child in a group of its own.
	c, out := start(t, `set -m; (x=$(head -c 40000000 /dev/zero | tr '\0' x); echo "holds ${#x}"; sleep 1000; true) & wait`)
	for !strings.Contains(string(out.Bytes()), "holds 40000000") {
		select {
		case <-c.Done():
			t.Fatalf("it ended: %s", out.Bytes())
		case <-time.After(5 * time.Millisecond):
		}
	}
	if n, err := c.Resident(); err != nil || n < 30<<20 {
		t.Errorf("got %d, %v", n, err)
	}
}

func alive(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestCappedCallsOverflowOnce(t *testing.T) {
	calls := 0
	c := &process.Capped{Limit: 5, Overflow: func() { calls++ }}
	for range 3 {
		if n, err := c.Write([]byte("abcd")); n != 4 || err != nil {
			t.Fatal(n, err)
		}
	}
	if string(c.Bytes()) != "abcda" || c.Dropped() != 7 || calls != 1 {
		t.Errorf("kept %q, dropped %d, %d calls", c.Bytes(), c.Dropped(), calls)
	}
}
