//go:build unix

package guest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/guest"
)

func TestWriteFileReplacesInOneStep(t *testing.T) {
	m, dir := guest.Local(), t.TempDir()
	path := filepath.Join(dir, "f")
	if err := m.WriteFile(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path) // a reader that is at it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 4321, 1234); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, _ := held.Read(b); string(b[:n]) != "one" {
		t.Errorf("the reader sees %q", b[:n])
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode() != 0o600 || os.Geteuid() == 0 && (st.Uid != 4321 || st.Gid != 1234) {
		t.Errorf("the new file has mode %v, owner %d:%d", info.Mode(), st.Uid, st.Gid)
	}
	if b, _ := m.ReadFile(path); string(b) != "two" {
		t.Errorf("the new content is %q", b)
	}
	only(t, dir, "f")
}

func TestWriteFileFollowsLinks(t *testing.T) {
	m, dir := guest.Local(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "resolv.conf")
	if err := m.Symlink("run/target", link); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFile(link, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if to, err := m.Readlink(link); to != "run/target" {
		t.Errorf("the link is gone: %q %v", to, err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "run/target")); string(b) != "x" {
		t.Errorf("the target has %q", b)
	}
	if err := m.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFile(filepath.Join(dir, "loop"), nil, 0o644); err == nil || !strings.Contains(err.Error(), "too many symbolic links") {
		t.Errorf("got %v", err)
	}
	if err := m.Symlink("other", link); err != nil {
		t.Fatal(err)
	}
	if to, _ := m.Readlink(link); to != "other" {
		t.Errorf("the link was not replaced: %q", to)
	}
	only(t, dir, "loop", "resolv.conf", "run")
}

func TestWriteFileLeavesNothingHalfDone(t *testing.T) {
	m, dir := guest.Local(), t.TempDir()
	if err := m.WriteFile(filepath.Join(dir, "no/f"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFile(filepath.Join(dir, "d"), []byte("x"), 0o644); err == nil {
		t.Error("a directory was replaced")
	}
	only(t, dir, "d")
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := guest.Local().ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%s holds %v, want %v", dir, have, want)
	}
}

func TestRun(t *testing.T) {
	m := guest.Local()
	r, err := m.Run(t.Context(), guest.Command{Path: "sh", Args: []string{"-c", `cat; echo "$X $LC_ALL" >&2; exit 3`}, Stdin: []byte("in"), Env: []string{"X=y"}})
	if err != nil || r.ExitCode != 3 || string(r.Stdout) != "in" || string(r.Stderr) != "y C\n" || r.Truncated {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err = m.Run(t.Context(), guest.Command{Path: "sh", Args: []string{"-c", "kill -TERM $$"}}); err != nil || r.ExitCode != -1 || r.Signal != "SIGTERM" {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err = m.Run(t.Context(), guest.Command{Path: "no-such-program"}); err == nil || !strings.Contains(err.Error(), "run no-such-program: ") {
		t.Errorf("got %v", err)
	}
	if _, err = guest.Output(t.Context(), m, "sh", "-c", "echo one; echo 'the reason' >&2; exit 4"); err == nil || !strings.HasSuffix(err.Error(), "ended with exit status 4: the reason") {
		t.Errorf("got %v", err)
	}
	r, err = m.Run(t.Context(), guest.Command{Path: "sh", Args: []string{"-c", "head -c 300000 /dev/zero"}, OutputLimit: 1000})
	if err != nil || r.ExitCode != 0 || len(r.Stdout) != 1000 || !r.Truncated {
		t.Errorf("got status %d, %d bytes, %v", r.ExitCode, len(r.Stdout), err)
	}
}

func TestRunKillsAllItStarted(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	script := `sleep 1000 & echo $! >>` + pids + `; (sleep 1000 & echo $! >>` + pids + `; wait) & echo $$ >>` + pids + `; wait`
	_, err := guest.Local().Run(t.Context(), guest.Command{Path: "sh", Args: []string{"-c", script}, Deadline: 500 * time.Millisecond})
	var late *guest.DeadlineError
	if !errors.As(err, &late) || !strings.Contains(err.Error(), "did not end within 500ms and was killed") {
		t.Fatalf("got %v", err)
	}
	gone(t, pids, 3)

	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(300*time.Millisecond, cancel)
	defer timer.Stop()
	if _, err = guest.Local().Run(ctx, guest.Command{Path: "sleep", Args: []string{"1000"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A service that a command starts goes on, and does not hold up the command's end.
func TestRunLeavesServicesRunning(t *testing.T) {
	begun := time.Now()
	r, err := guest.Local().Run(t.Context(), guest.Command{Path: "sh", Args: []string{"-c", "sleep 1000 & echo $!"}})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Stdout)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it does not run any more: %v", err)
	}
}

// gone fails the test if one of the processes in a file still runs. One that
// was killed may need a moment to go, and its new parent one to collect it.
func gone(t *testing.T, file string, count int) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(b))
	if len(pids) != count {
		t.Fatalf("%d processes noted, want %d", len(pids), count)
	}
	late := time.After(2 * time.Minute)
	for _, p := range pids {
		for runs(p) {
			select {
			case <-late:
				t.Fatalf("%s still runs", p)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

func runs(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestCommandString(t *testing.T) {
	c := guest.Command{Path: "hostnamectl", Args: []string{"set-hostname", "a b", "", "it's"}}
	if got, want := c.String(), `hostnamectl set-hostname 'a b' '' 'it'\''s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSameFaultIsToldTheSameEachTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gone", "file")
	for range 2 {
		err := guest.Local().WriteFile(file, nil, 0o600)
		if want := "write " + file + ": no such file or directory"; err == nil || err.Error() != want {
			t.Errorf("it says %v, not %s", err, want)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is no fs.ErrNotExist", err)
		}
	}
}
