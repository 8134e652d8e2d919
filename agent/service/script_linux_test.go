package service

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The init script runs here for real, with a program that stands in for guestd.
func TestInitScript(t *testing.T) {
	dir := t.TempDir()
	binary, script := filepath.Join(dir, "agent"), filepath.Join(dir, "script")
	program := "#!/bin/sh\necho $$ >>" + dir + "/starts\ntrap 'echo asked >" + dir + "/ended; exit 0' TERM\nwhile :; do sleep 0.05; done\n"
	write(t, binary, program)
	if err := os.Mkdir(filepath.Join(dir, "subsys"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, script, strings.NewReplacer(
		"@BINARY@", binary, initFile, script, "/var/run/guestd.pid", dir+"/pid", "/var/lock/subsys/", dir+"/subsys/", "sleep 2", "sleep 0.1",
	).Replace(initScript))
	call := func(verb string, want int) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), script, verb).CombinedOutput()
		code := 0
		if exit, ok := err.(*exec.ExitError); ok {
			code, err = exit.ExitCode(), nil
		}
		if err != nil || code != want {
			t.Fatalf("%s ended with %d, %v, want %d: %s", verb, code, err, want, out)
		}
		return string(out)
	}
	starts := func(n int) []string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var lines []string
		ok, _ := await(ctx, func() (bool, error) {
			b, _ := os.ReadFile(dir + "/starts")
			lines = strings.Fields(string(b))
			return len(lines) >= n, nil
		})
		if !ok {
			t.Fatalf("guestd was started %d times, want %d", len(lines), n)
		}
		return lines
	}
	t.Cleanup(func() { _ = exec.Command(script, "stop").Run() })

	call("status", 3)
	call("stop", 0)
	call("start", 0)
	pid := starts(1)[0]
	if out := call("status", 0); !strings.Contains(out, "is running") {
		t.Errorf("status says %q", out)
	}
	if _, err := os.Stat(dir + "/subsys/guestd"); err != nil {
		t.Error("without the lock file no shutdown stops it")
	}
	call("start", 0)
	b, err := os.ReadFile(dir + "/pid")
	if err == nil {
		b, err = os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/comm")
	}
	if err != nil || string(b) != "sh\n" {
		t.Errorf("the supervisor is named %q (%v): killall of the service's name hits it", b, err)
	}
	kill(t, pid)
	again := starts(2)
	if len(again) != 2 {
		t.Errorf("two starts and one death made %d processes", len(again))
	}
	call("restart", 0)
	if b, err := os.ReadFile(dir + "/ended"); err != nil || string(b) != "asked\n" {
		t.Errorf("it was not asked to end: %q, %v", b, err)
	}
	last := starts(3)[2]
	call("stop", 0)
	call("status", 3)
	if _, err := os.Stat("/proc/" + last); err == nil {
		t.Error("guestd runs after the stop")
	}
	// A number in the file that is another's is not believed.
	write(t, dir+"/pid", strconv.Itoa(os.Getpid())+"\n")
	call("status", 3)
	call("stop", 0)
	write(t, dir+"/pid", "1; true\n")
	call("status", 3)
	call("nonsense", 2)
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	call("start", 5)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func kill(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(n)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}
