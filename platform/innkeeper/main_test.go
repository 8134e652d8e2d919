package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/admin"
)

const patience = 2 * time.Minute

// innkeeper runs one command.
func innkeeper(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	a := app{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}
	status = a.main(ctx, args)
	return status, out.String(), errs.String()
}

// served runs a platform until the test ends, and gives its folder.
func served(t *testing.T) string {
	t.Helper()
	// Not t.TempDir, whose name has the test's and may be too long for a socket.
	dir, err := os.MkdirTemp("", "innkeeper")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithCancel(context.Background())
	log := &announcer{said: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		a := app{stdin: strings.NewReader(""), stdout: log, stderr: log}
		if status := a.main(ctx, []string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--public", "platform.test:4222,[2001:db8::1]:4222"}); status != 0 {
			t.Errorf("serve ended with %d:\n%s", status, log)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	select {
	case <-log.said:
	case <-time.After(patience):
		t.Fatal("serve does not say that it takes commands")
	}
	logs.Store(dir, log)
	return dir
}

var logs sync.Map

// listening is where the platform on a folder waits for guests.
func listening(t *testing.T, dir string) string {
	t.Helper()
	log, _ := logs.Load(dir)
	_, rest, ok := strings.Cut(log.(*announcer).String(), "listen=")
	if !ok {
		t.Fatal("the platform does not say where it listens")
	}
	address, _, _ := strings.Cut(rest, " ")
	return address
}

// announcer is a log that tells when the platform takes commands.
type announcer struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{}
	once sync.Once
}

func (a *announcer) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}

func (a *announcer) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("takes commands")) {
		defer a.once.Do(func() { close(a.said) })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.Write(p)
}

func TestAGuestIsEnrolledSetAndShown(t *testing.T) {
	dir := served(t)
	status, out, stderr := innkeeper(t, "", "enrol", "web-1", "--dir", dir)
	if status != 0 {
		t.Fatalf("enrol: %d %s", status, stderr)
	}
	j, err := wire.ParseJoin([]byte(out))
	if err != nil || j.Guest != "web-1" || len(j.Addresses) != 2 || j.Addresses[0] != "platform.test:4222" {
		t.Fatalf("the join file is %v, %v", j, err)
	}

	file := filepath.Join(t.TempDir(), "web-1.json")
	if err := os.WriteFile(file, []byte(`{"hostname": {"name": "web-1"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, stderr := innkeeper(t, "", "set", "--dir", dir, "web-1", file); status != 0 || out != "revision 1\n" {
		t.Errorf("set: %d %q %s", status, out, stderr)
	}
	if status, out, _ := innkeeper(t, `{"hostname": {"name": "web-2"}}`, "set", "--dir", dir, "web-1", "-"); status != 0 || out != "revision 2\n" {
		t.Errorf("set from standard input: %d %q", status, out)
	}
	status, out, stderr = innkeeper(t, "", "get", "--dir", dir, "web-1")
	var g admin.Guest
	if err := json.Unmarshal([]byte(out), &g); status != 0 || err != nil {
		t.Fatalf("get: %d %v %s", status, err, stderr)
	}
	if g.Desired == nil || g.Desired.Revision != 2 || g.Reported != nil {
		t.Errorf("get shows %s", out)
	}
	if strings.Contains(out, j.Seed) {
		t.Error("get shows the guest's key")
	}
}

func TestAJoinFileIsForItsOwnerAloneAndNeverOverwritten(t *testing.T) {
	dir := served(t)
	file := filepath.Join(t.TempDir(), "join.json")
	if status, out, stderr := innkeeper(t, "", "enrol", "web-1", "--dir", dir, "--out", file); status != 0 || out != "" {
		t.Fatalf("enrol: %d %q %s", status, out, stderr)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v %v", info, err)
	}
	before, _ := os.ReadFile(file)
	if status, _, stderr := innkeeper(t, "", "enrol", "web-1", "--dir", dir, "--out", file); status != 1 || !strings.Contains(stderr, "exists") {
		t.Errorf("again: %d %s", status, stderr)
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("the file was overwritten")
	}
	missing := filepath.Join(t.TempDir(), "join.json")
	if status, _, _ := innkeeper(t, "", "enrol", "web-1", "--dir", t.TempDir(), "--out", missing); status != 1 {
		t.Errorf("without a platform: %d", status)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("an empty join file is left")
	}
}

func TestWrongUseIsTold(t *testing.T) {
	dir := served(t)
	notJSON := filepath.Join(t.TempDir(), "not.json")
	if err := os.WriteFile(notJSON, []byte("hostname: web-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{2, "no command is given", nil},
		{2, "there are serve, enrol, set, get", []string{"serv"}},
		{2, "unknown flag: --lisen", []string{"serve", "--lisen", "x"}},
		{2, "takes no argument", []string{"serve", "now"}},
		{2, `--listen "4222" is not HOST:PORT`, []string{"serve", "--listen", "4222"}},
		{2, "say with --public", []string{"serve", "--listen", "0.0.0.0:4222"}},
		{2, "say with --public", []string{"serve", "--listen", ":4222"}},
		{2, `--public: "a" is not host:port`, []string{"serve", "--public", "a"}},
		{2, "--log-level", []string{"serve", "--log-level", "loud"}},
		{2, "needs the id of one guest", []string{"enrol"}},
		{2, "is not a guest's id", []string{"enrol", "a.b"}},
		{2, "needs the id of one guest", []string{"get", "a", "b"}},
		{2, "needs the id of a guest and a file", []string{"set", "a"}},
		{1, "no such file", []string{"set", "web-1", "/no/such/file", "--dir", dir}},
		{1, "not an object of sections", []string{"set", "web-1", notJSON, "--dir", dir}},
		{1, "is not enrolled", []string{"get", "web-9", "--dir", dir}},
		{1, "is not enrolled", []string{"set", "web-9", "-", "--dir", dir}},
		{1, "no platform runs on", []string{"get", "web-1", "--dir", t.TempDir()}},
		{1, "another platform is running", []string{"serve", "--dir", dir, "--listen", "127.0.0.1:0"}},
	} {
		status, _, stderr := innkeeper(t, "{}", c.args...)
		if status != c.status || !strings.Contains(stderr, c.says) {
			t.Errorf("innkeeper %s: %d %s", strings.Join(c.args, " "), status, stderr)
		}
	}
}

func TestHelpHasExamples(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"help"}, {"serve", "--help"}, {"enrol", "-h"}, {"set", "--help"}, {"get", "--help"}} {
		status, out, stderr := innkeeper(t, "", args...)
		if status != 0 || stderr != "" || !strings.Contains(out, "Examples:\n  innkeeper ") {
			t.Errorf("%q: %d %q %q", args, status, out, stderr)
		}
	}
}
