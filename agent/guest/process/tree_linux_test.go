package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// escape leaves four processes behind: a child, an orphan of a double fork, one
// with a session of its own, and an orphan with one. Each writes its id into
// the folder. What forks the last is waited for, lest it be counted, too.
const escape = `cd "$0"
	one() { echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 1000; }
	export -f one
	bash -c 'one child' & 
	(bash -c 'one orphan' &)
	setsid bash -c 'one session' &
	setsid -f bash -c 'one daemon'
	until test -e child -a -e orphan -a -e session -a -e daemon; do sleep 0.01; done
	echo ready; `

var escaped = []string{"child", "orphan", "session", "daemon"}

// withoutCgroups has the tests rely on marks.
func withoutCgroups(t *testing.T) {
	before := ownCgroup
	ownCgroup = func() (string, string) { return "", "" }
	t.Cleanup(func() { ownCgroup = before })
}

// ways are the ways in which an OwnTree is held together here.
func ways(t *testing.T, test func(t *testing.T)) {
	t.Run("marks", func(t *testing.T) { withoutCgroups(t); test(t) })
	t.Run("control groups", func(t *testing.T) {
		g := newCgroup("probe", false)
		if g == nil {
			t.Skip("guestd cannot make control groups of version 2 here")
		}
		g.remove()
		test(t)
	})
}

func TestATreeIsEndedWhole(t *testing.T) {
	ways(t, func(t *testing.T) {
		for _, end := range []string{"exit 0", "kill -9 $$", "sleep 1000"} {
			dir := t.TempDir()
			out := &Capped{Limit: 1 << 16}
			c, err := Start(exec.Command("bash", "-c", escape+end, dir), Options{Stdout: out, Stderr: out, Group: OwnTree})
			if err != nil {
				t.Fatal(err)
			}
			if end == "sleep 1000" {
				await(t, "the script", func() bool { return strings.Contains(string(out.Bytes()), "ready") })
				c.Kill()
			}
			<-c.Done()
			if n := c.End().Left; end != "sleep 1000" && n != len(escaped) {
				t.Errorf("%s: it is said to have left %d running, want %d", end, n, len(escaped))
			}
			if !strings.Contains(string(out.Bytes()), "ready") {
				t.Errorf("%s: it said %q", end, out.Bytes())
			}
			for _, name := range escaped {
				pid, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if lives(strings.TrimSpace(string(pid))) {
					t.Errorf("%s: the %s, %s, still runs", end, name, pid)
				}
			}
			if c.tree.trail.cgroup != nil {
				if _, err := os.Stat(c.tree.trail.cgroup.path); err == nil {
					t.Errorf("%s is still there", c.tree.trail.cgroup.path)
				}
			}
		}
	})
}

func TestResidentCountsTheWholeTree(t *testing.T) {
	ways(t, func(t *testing.T) {
		out := &Capped{Limit: 1 << 16}
		c, err := Start(exec.Command("bash", "-c", `setsid -f bash -c 'x=$(head -c 40000000 /dev/zero | tr "\0" x); echo "holds ${#x}"; sleep 1000; true'; sleep 1000`),
			Options{Stdout: out, Group: OwnTree})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { c.Kill(); <-c.Done() }()
		await(t, "the memory", func() bool { return strings.Contains(string(out.Bytes()), "holds 40000000") })
		if n, err := c.Resident(); err != nil || n < 30<<20 {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

// The test binary is also a parent that is killed: it starts a child that
// writes its id into the folder and waits.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PROCESS_TEST_PARENT"); dir != "" {
		_, err := Start(exec.Command("sh", "-c", `echo $$ >"$0/new"; mv "$0/new" "$0/pid"; exec sleep 1000`, dir),
			Options{Group: OwnSession, EndWithParent: os.Getenv("PROCESS_TEST_SPARED") == ""})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

func TestAChildEndsWithItsParentIfItIsTo(t *testing.T) {
	for _, spared := range []string{"", "yes"} {
		dir := t.TempDir()
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(), "PROCESS_TEST_PARENT="+dir, "PROCESS_TEST_SPARED="+spared)
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var pid string
		await(t, "the child", func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "pid"))
			pid = strings.TrimSpace(string(b))
			return err == nil
		})
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()
		if spared == "" {
			await(t, "the child's end", func() bool { return !lives(pid) })
			continue
		}
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Errorf("the spared child does not run: %v", err)
		}
	}
}

func TestSweepEndsWhatAnEarlierProcessLeft(t *testing.T) {
	dir, _ := ownCgroup()
	g := newCgroup("left", false)
	if g == nil {
		t.Skip("guestd cannot make control groups of version 2 here")
	}
	spared := newCgroup("left", true)
	defer spared.remove()
	sleepers := map[*cgroup]*exec.Cmd{}
	for _, g := range []*cgroup{g, spared} {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.dir.Fd())}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		sleepers[g] = cmd
	}
	sweep(dir)
	for _, cmd := range sleepers {
		if pid := fmt.Sprint(cmd.Process.Pid); !lives(pid) {
			t.Errorf("%s was killed though its group is in use", pid)
		}
	}
	for _, g := range []*cgroup{g, spared} {
		if err := g.dir.Close(); err != nil { // as the end of a process does
			t.Fatal(err)
		}
	}
	sweep(dir)
	if _, err := os.Stat(g.path); err == nil {
		t.Errorf("%s is still there", g.path)
	}
	if pid := fmt.Sprint(sleepers[g].Process.Pid); lives(pid) {
		t.Errorf("%s still runs", pid)
	}
	if pid := fmt.Sprint(sleepers[spared].Process.Pid); !lives(pid) {
		t.Errorf("what must not be killed was: %s", pid)
	}
}

func TestParseCgroup(t *testing.T) {
	const mounts = "29 1 0:25 / /proc rw - proc proc rw\n" +
		"36 32 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	if got := parseCgroupMount([]byte(mounts)); got != "/sys/fs/cgroup" {
		t.Errorf("got %q", got)
	}
	if got := parseCgroupName([]byte("4:memory:/a\n0::/system.slice/guestd.service\n")); got != "/system.slice/guestd.service" {
		t.Errorf("got %q", got)
	}
	if got := parseCgroupMount([]byte("29 1 0:25 / /proc rw - proc proc rw\ngarbage")) + parseCgroupName([]byte("4:memory:/a\n")); got != "" {
		t.Errorf("got %q", got)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("awaiting %s", what)
		}
	}
}

func lives(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	s, ok := parseStat(b)
	return ok && s.state != 'Z' && s.state != 'X'
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (a) b) S 1 12 13 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1"))
	f.Add([]byte(")"))
	f.Add([]byte("12 (a) \x00 1 12 13 0 -1 4194560 1 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseStat(b); ok && !isLetter(s.state) {
			t.Fatalf("took %q for a state", s.state)
		}
	})
}
