package runs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/harness"
)

// temp gives the test a temporary folder of its own, short enough for sockets.
func temp(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
}

func begin(t *testing.T) *Run {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Remove() })
	return r
}

// keep serves a kept guest's socket that gives each request to answer.
func keep(t *testing.T, r *Run, system string, answer func(harness.ShellRequest, net.Conn)) {
	t.Helper()
	if err := os.MkdirAll(r.Column(system), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(r.Column(system), "shell.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, err := bufio.NewReader(conn).ReadBytes('\n')
			var request harness.ShellRequest
			if err == nil && json.Unmarshal(line, &request) == nil {
				answer(request, conn)
			}
			_ = conn.Close()
		}
	}()
}

func TestARunIsLiveUntilItsLockIsFree(t *testing.T) {
	temp(t)
	r := begin(t)
	other := begin(t)
	if other.Dir == r.Dir {
		t.Fatal("two runs share a folder")
	}
	live := func() map[string]bool {
		t.Helper()
		all, err := Find()
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]bool{}
		for _, f := range all {
			m[f.Dir] = f.Live
		}
		return m
	}
	if got := live(); len(got) != 2 || !got[r.Dir] || !got[other.Dir] {
		t.Errorf("got %v", got)
	}
	if err := r.Leave(); err != nil {
		t.Fatal(err)
	}
	if got := live(); len(got) != 2 || got[r.Dir] || !got[other.Dir] {
		t.Errorf("after one was left: %v", got)
	}
	swept, err := Sweep(t.Context())
	if err != nil || len(swept) != 1 || swept[0] != r.Dir {
		t.Errorf("swept %v, %v", swept, err)
	}
	if got := live(); len(got) != 1 || !got[other.Dir] {
		t.Errorf("after the sweep: %v", got)
	}
}

func TestAKeptGuestIsFoundBySystem(t *testing.T) {
	temp(t)
	if _, err := Kept("ubuntu"); err == nil || !strings.Contains(err.Error(), "start one with: matrix run --keep ubuntu") {
		t.Errorf("with nothing kept: %v", err)
	}
	r := begin(t)
	keep(t, r, "centos", nil)
	keep(t, r, "ubuntu", nil)
	if s, err := Kept("ubuntu"); err != nil || s != filepath.Join(r.Dir, "ubuntu", "shell.sock") {
		t.Errorf("got %s, %v", s, err)
	}
	if _, err := Kept("windows"); err == nil || !strings.Contains(err.Error(), "no guest of windows was kept; running are: centos, ubuntu") {
		t.Errorf("another: %v", err)
	}
	if err := r.Leave(); err != nil {
		t.Fatal(err)
	}
	if _, err := Kept("ubuntu"); err == nil || strings.Contains(err.Error(), "running are") {
		t.Errorf("of a run that ended: %v", err)
	}
}

func TestAskingAKeptGuest(t *testing.T) {
	temp(t)
	r := begin(t)
	keep(t, r, "ubuntu", func(q harness.ShellRequest, conn net.Conn) {
		reply := harness.ShellReply{Stdout: "ran " + q.Command, ExitCode: 3}
		switch {
		case q.Op == "down":
			reply = harness.ShellReply{Error: "it is stuck"}
		case q.Command == "garbage":
			_, _ = conn.Write([]byte("what?\n"))
			return
		case q.Command == "hang up":
			return
		}
		_ = json.NewEncoder(conn).Encode(reply)
	})
	socket, err := Kept("ubuntu")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Exec(t.Context(), socket, "id"); err != nil || got.Stdout != "ran id" || got.ExitCode != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Down(t.Context(), socket); err == nil || err.Error() != "it is stuck" {
		t.Errorf("down: %v", err)
	}
	if _, err := Exec(t.Context(), socket, "garbage"); err == nil {
		t.Error("garbage is taken for an answer")
	}
	if _, err := Exec(t.Context(), socket, "hang up"); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("without an answer: %v", err)
	}
	if _, err := Exec(t.Context(), socket+".not", "id"); err == nil || !strings.Contains(err.Error(), "reach the kept guest") {
		t.Errorf("without a guest: %v", err)
	}
}

func TestAnAnswerIsAwaitedNoLongerThanTheCallerWants(t *testing.T) {
	temp(t)
	r := begin(t)
	asked, ctxDone := make(chan struct{}), make(chan struct{})
	keep(t, r, "ubuntu", func(harness.ShellRequest, net.Conn) { close(asked); <-ctxDone })
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-asked; cancel(errors.New("interrupted")) }()
	_, err := Exec(ctx, filepath.Join(r.Dir, "ubuntu", "shell.sock"), "sleep")
	close(ctxDone)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfKeptGuestsIsAwaited(t *testing.T) {
	temp(t)
	r := begin(t)
	ended := make(chan error, 1)
	keep(t, r, "ubuntu", nil)
	go func() { ended <- AwaitEnd(t.Context()) }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := r.Leave(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("it waits on")
	}

	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	r = begin(t)
	keep(t, r, "ubuntu", nil)
	if err := AwaitEnd(cancelled); err == nil || err.Error() != "interrupted" {
		t.Errorf("when interrupted: %v", err)
	}
}
