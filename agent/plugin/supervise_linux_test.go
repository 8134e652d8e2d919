package plugin_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

func TestAnUnkillablePluginIsLeftToEnd(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "go-on")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v %s", err, out)
	}
	script := shell(t, dir, "slow", `cat >/dev/null; read x <`+fifo+`; echo '{"type":"result","result":{}}'`)
	p := plugin.Program{Path: script, Description: section.Description{Unkillable: []section.Operation{section.OpApply}, DeadlineSeconds: 1}}
	s := &plugin.Supervisor{}
	var stuck *plugin.StuckError
	if _, err := s.Call(t.Context(), p, mischief("ok")); !errors.As(err, &stuck) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.Call(t.Context(), program(), mischief("ok")); !errors.As(err, &stuck) {
		t.Errorf("something new was begun on a section that is stuck: %v", err)
	}
	other := mischief("ok")
	other.Section = "other"
	if _, err := s.Call(t.Context(), program(), other); err != nil {
		t.Errorf("another section is held up: %v", err)
	}
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Call(t.Context(), program(), mischief("ok")); err != nil {
		t.Errorf("the section did not come free: %v", err)
	}
}

func shell(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// processesOf lists the processes that run an executable.
func processesOf(t *testing.T, executable string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == executable {
			found = append(found, l)
		}
	}
	return found
}
