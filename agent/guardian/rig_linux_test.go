package guardian

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/guest"
)

// rig is a guardian whose processes are this test's.
type rig struct {
	*Guardian
	t     *testing.T
	dir   string
	order Order
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each process lasts a second longer
	r := &rig{t: t, dir: t.TempDir()}
	var err error
	if r.Guardian, r.order, err = rigIn(r.dir); err != nil {
		t.Fatal(err)
	}
	r.set("new")
	t.Cleanup(func() {
		for _, pid := range r.guardians() { // of a test that failed
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	})
	return r
}

func (r *rig) value() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "value"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *rig) set(s string) {
	r.t.Helper()
	if err := guest.Local().WriteFile(filepath.Join(r.dir, "value"), []byte(s), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) is(want string) {
	r.t.Helper()
	if got := r.value(); got != want {
		r.t.Errorf("the value is %s, want %s", got, want)
	}
}

func (r *rig) arm(window time.Duration) *Armed {
	r.t.Helper()
	r.order.Window = window
	a, err := r.Arm(r.t.Context(), r.order)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// guardians are the ids of the guardian processes of this rig.
func (r *rig) guardians() []int { return processes("guardian\x00--state-dir\x00" + r.dir + "\x00") }

func processes(part string) []int {
	var pids []int
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		panic(err)
	}
	for _, path := range lines {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), part) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			panic(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// nobody fails the test if a guardian is left or anything of an order.
func (r *rig) nobody() {
	r.t.Helper()
	if pids := r.guardians(); len(pids) > 0 {
		r.t.Errorf("guardians are left: %v", pids)
	}
	r.empty()
}

func (r *rig) empty() {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, directory))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		r.t.Errorf("%s is left", e.Name())
	}
}

// await waits for what the other processes do, of which nothing tells a test.
func (r *rig) await(what string, true func() bool) {
	r.t.Helper()
	late := time.After(2 * time.Minute)
	for !true() {
		select {
		case <-late:
			r.t.Fatalf("not within 2 minutes: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// daemon is a process that has armed an order.
func (r *rig) daemon(window string) *exec.Cmd {
	r.t.Helper()
	cmd := exec.Command(r.o.Executable, "arm", r.dir, window)
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said := make([]byte, 6)
	if _, err := out.Read(said); err != nil || string(said) != "armed\n" {
		r.t.Fatalf("the daemon said %q, %v", said, err)
	}
	return cmd
}
