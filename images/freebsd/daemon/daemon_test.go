//go:build unix

package daemon

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the program that Run starts again.
func TestMain(m *testing.M) {
	if os.Getenv(stage) != "" || os.Getenv("DAEMON_UNDER_TEST") != "" {
		_ = os.Unsetenv("DAEMON_UNDER_TEST")
		os.Exit(Run(os.Args[1:], os.Args[0], os.Stderr))
	}
	os.Exit(m.Run())
}

// start runs daemon(8) and returns its exit status and standard error.
func start(t *testing.T, args ...string) (int, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), "DAEMON_UNDER_TEST=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// await waits until probe is satisfied.
func await(t *testing.T, what string, probe func() bool) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !probe() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

func pid(t *testing.T, path string) int {
	t.Helper()
	var number int
	await(t, "a process id in "+path, func() bool {
		data, _ := os.ReadFile(path)
		number, _ = strconv.Atoi(string(data))
		return number > 0
	})
	return number
}

func TestSupervises(t *testing.T) {
	dir := t.TempDir()
	child, parent, out := filepath.Join(dir, "c.pid"), filepath.Join(dir, "p.pid"), filepath.Join(dir, "out")
	args := []string{"-f", "-r", "-p", child, "-P", parent, "-o", out, "sh", "-c", "echo begun; exec sleep 60"}
	if code, stderr := start(t, args...); code != 0 {
		t.Fatalf("daemon = %d, %q", code, stderr)
	}
	supervisor, first := pid(t, parent), pid(t, child)
	t.Cleanup(func() { _ = syscall.Kill(supervisor, syscall.SIGKILL) })

	code, stderr := start(t, "-f", "-P", parent, "true")
	if want := "daemon: process already running, pid: " + strconv.Itoa(supervisor) + "\n"; code != 3 || stderr != want {
		t.Errorf("a second daemon = %d, %q, want 3, %q", code, stderr, want)
	}

	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "a new child", func() bool { return pid(t, child) != first })
	second := pid(t, child)
	await(t, "the output of both", func() bool {
		data, _ := os.ReadFile(out)
		return strings.Count(string(data), "begun\n") == 2
	})

	if err := syscall.Kill(supervisor, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "the pid files' removal", func() bool {
		_, errParent := os.Stat(parent)
		_, errChild := os.Stat(child)
		return os.IsNotExist(errParent) && os.IsNotExist(errChild)
	})
	await(t, "the child's end", func() bool { return gone(second) })
}

// gone reports whether no process runs under pid; a process that nobody
// reaped counts as gone.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestBecomesTheCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if code, stderr := start(t, "-f", "sh", "-c", "echo $$ > "+out); code != 0 {
		t.Fatalf("daemon = %d, %q", code, stderr)
	}
	await(t, "the command's output", func() bool { _, err := os.Stat(out); return err == nil })
}

func TestRefuses(t *testing.T) {
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, 1, "usage: daemon"},
		{[]string{"-z", "true"}, 1, "daemon: illegal option -- z\nusage: daemon"},
		{[]string{"-p"}, 1, "daemon: option requires an argument -- p"},
		{[]string{"-S", "true"}, 64, "daemon: option -S is not built"},
		{[]string{"-R", "0", "true"}, 6, "invalid restart delay"},
		{[]string{"-p", "/nonexistent/x.pid", "true"}, 2, "daemon: pidfile ``/nonexistent/x.pid''"},
		{[]string{"-o", "/nonexistent/x.log", "true"}, 7, "daemon: open: "},
	}
	for _, test := range tests {
		code, stderr := start(t, test.args...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("daemon %q = %d, %q; want %d, %q", test.args, code, stderr, test.code, test.want)
		}
	}
}
