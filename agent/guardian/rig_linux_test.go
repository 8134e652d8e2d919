package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// The test binary is also the guardian ("guardian --state-dir DIR ID"), the
// plugin that it calls ("plugin FILE"), and a daemon that arms an order and
// then only waits ("arm DIR WINDOW").
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "guardian":
		err = Keep(context.Background(), Options{StateDir: os.Args[3], Caller: &plugin.Supervisor{}}, os.Args[4])
	case len(os.Args) == 3 && os.Args[1] == "plugin":
		err = plugin.Serve(context.Background(), "value", value{os.Args[2]}, guest.Local(), os.Stdin, os.Stdout)
	case len(os.Args) == 4 && os.Args[1] == "arm":
		err = armAndWait(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func armAndWait(dir, window string) error {
	d, err := time.ParseDuration(window)
	if err != nil {
		return err
	}
	g, o, err := rigIn(dir)
	if err != nil {
		return err
	}
	o.Window = d
	if _, err := g.Arm(context.Background(), o); err != nil {
		return err
	}
	fmt.Println("armed")
	time.Sleep(time.Hour) // until it is killed
	return nil
}

// value keeps a file. A restore of {"hang":true} makes the file "hangs" and
// never ends.
type value struct{ path string }

func (value) Describe() section.Description { return section.Description{} }

func (value) Plan(context.Context, guest.Machine, json.RawMessage) (section.Plan, error) {
	return section.Plan{}, nil
}

func (value) Apply(context.Context, guest.Machine, json.RawMessage, section.Plan) error { return nil }

func (v value) Restore(ctx context.Context, m guest.Machine, checkpoint json.RawMessage) error {
	if strings.Contains(string(checkpoint), "hang") && !exists(v.path+".hangs") {
		if err := m.WriteFile(v.path+".hangs", nil, 0o600); err != nil {
			return err
		}
		<-ctx.Done()
		select {}
	}
	return m.WriteFile(v.path, checkpoint, 0o600)
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// before is what a restore brings back.
const before = `{"old":"secret"}`

// rig is a guardian whose processes are this test's.
type rig struct {
	*Guardian
	t     *testing.T
	dir   string
	order Order
}

func rigIn(dir string) (*Guardian, Order, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, Order{}, err
	}
	g := New(Options{StateDir: dir, Executable: self, Caller: &plugin.Supervisor{}})
	// A build with the race detector maps much more than it uses.
	return g, Order{
		Section: "value", Revision: 7, Checkpoint: json.RawMessage(before), Window: time.Hour,
		Program: plugin.Program{
			Section: "value", Path: self, Args: []string{"plugin", filepath.Join(dir, "value")},
			Description: section.Description{MemoryMiB: 1024},
		},
	}, nil
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
	late := time.After(30 * time.Second)
	for !true() {
		select {
		case <-late:
			r.t.Fatalf("not within 30 s: %s", what)
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
