package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// faultplugin is the specs' misbehaving plugin, built once for all tests here.
var faultplugin string

// crash is what the system says of a program that crash ended.
var crash = map[bool]string{true: "exception 0xc0000005", false: "SIGKILL"}[runtime.GOOS == "windows"]

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "plugin-test-*")
	if err != nil {
		panic(err)
	}
	faultplugin = filepath.Join(dir, "faultplugin")
	if given := os.Getenv("INNKEEPER_FAULTPLUGIN"); given != "" {
		faultplugin = given // on a machine without Go
	} else if out, err := exec.Command("go", "build", "-o", faultplugin, "innkeeper/specs/faultplugin").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build faultplugin: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func mischief(do string) plugin.Request {
	return plugin.Request{
		Operation: section.OpApply, Section: "mischief", Plan: &section.Plan{},
		Desired: json.RawMessage(`{"do":"` + do + `","on":"apply"}`),
	}
}

func program() plugin.Program { return plugin.Program{Section: "mischief", Path: faultplugin} }

func TestCallSurvivesEveryMisbehaviour(t *testing.T) {
	for _, c := range []struct {
		do     string
		limits plugin.Limits
		is     func(error) bool
		says   string
	}{
		{"crash", plugin.Limits{}, as[*plugin.CrashError], "the mischief plugin's apply crashed with " + crash + " and gave no result"},
		{"exit", plugin.Limits{}, as[*plugin.CrashError], "ended with exit status 3 and gave no result: leaving with status 3, as told"},
		{"hang", plugin.Limits{Deadline: 300 * time.Millisecond}, as[*plugin.DeadlineError], "did not end within 300ms and was killed"},
		{"flood", plugin.Limits{}, as[*plugin.FloodError], "wrote more than 1 MiB to its standard output and was killed"},
		{"eat", plugin.Limits{}, as[*plugin.MemoryError], "ran out of memory: it used "},
		{"eat", plugin.Limits{Memory: 32 << 20, Sampling: 5 * time.Millisecond}, as[*plugin.MemoryError], "and 32 MiB are allowed"},
		{"fork", plugin.Limits{}, as[*plugin.CrashError], "crashed with " + crash},
		{"garbage", plugin.Limits{}, as[*plugin.ProtocolError], `broke the protocol: a line is not JSON: "this is not of the protocol"`},
	} {
		t.Run(c.do, func(t *testing.T) {
			s := &plugin.Supervisor{Limits: c.limits}
			begun := time.Now()
			_, err := s.Call(t.Context(), program(), mischief(c.do))
			if err == nil || !c.is(err) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %T %v, want %q in it", err, err, c.says)
			}
			if took := time.Since(begun); took > 2*time.Minute {
				t.Errorf("it took %s", took)
			}
			if left := processesOf(t, faultplugin); len(left) > 0 {
				t.Errorf("left running: %v", left)
			}
			if _, err := s.Call(t.Context(), program(), mischief("ok")); err != nil {
				t.Errorf("the next call failed: %v", err)
			}
		})
	}
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestCallIsEndedByItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := (&plugin.Supervisor{}).Call(ctx, program(), mischief("hang"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if left := processesOf(t, faultplugin); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

func TestCallGivesTheResultAndTypedErrors(t *testing.T) {
	s := &plugin.Supervisor{}
	raw, err := s.Call(t.Context(), program(), plugin.Request{Operation: section.OpPlan, Section: "mischief", Desired: json.RawMessage(`{"do":"exit","on":"apply"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var p section.Plan
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Changes) != 1 || p.Changes[0].Summary != "misbehave: exit" {
		t.Errorf("got plan %s, %v", raw, err)
	}
	_, err = s.Call(t.Context(), program(), plugin.Request{Operation: section.OpPlan, Section: "mischief", Desired: json.RawMessage(`{"do":"dance"}`)})
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != section.Invalid || typed.Path != "mischief.do" {
		t.Errorf("got %v", err)
	}
	_, err = s.Call(t.Context(), plugin.Program{Path: filepath.Join(t.TempDir(), "nowhere.exe")}, mischief("ok"))
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
