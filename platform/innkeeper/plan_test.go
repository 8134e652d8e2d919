package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// planner is a guest that plans and does nothing.
type planner struct{}

func (planner) Desired(context.Context, state.Desired) error { return nil }
func (planner) Refuse(uint64, []string)                      {}
func (planner) Connected(bool)                               {}
func (planner) Accepted() uint64                             { return 0 }

func (planner) Plan(_ context.Context, d state.Desired) (state.Plan, error) {
	if len(d.Sections) == 0 {
		return state.Plan{}, errors.New("no luck")
	}
	return state.Plan{Sections: map[string]state.PlannedSection{
		"clock": {}, "motd": {Error: "no plugin serves it"},
		"hostname": {Changes: []state.PlannedChange{
			{Summary: "write the name\x1b[2J", Path: "/etc/hostname", Diff: "-a\n+b\n"},
			{Summary: "tell the kernel", Command: "hostname b"},
		}},
	}}, nil
}

func TestAPlanIsShownAsTextThatNoTerminalObeys(t *testing.T) {
	dir := served(t)
	_, out, _ := innkeeper(t, "", "enrol", "web-1", "--dir", dir)
	j, err := wire.ParseJoin([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	j.Addresses = []string{listening(t, dir)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = link.New(link.Options{Join: j}).Run(ctx, planner{}) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	status, out, stderr := innkeeper(t, `{"hostname": {"name": "b"}}`, "plan", "--dir", dir, "web-1", "-")
	want := "clock: is as it should be\nhostname:\n  write the name?[2J\n    /etc/hostname\n    -a\n    +b\n  tell the kernel\n    $ hostname b\nmotd: no plan: no plugin serves it\n"
	if status != 0 || out != want {
		t.Errorf("exit %d, %s:\n%s", status, stderr, out)
	}
	if status, _, stderr := innkeeper(t, `{}`, "plan", "--dir", dir, "web-1", "-"); status != 1 || !strings.Contains(stderr, "no luck") {
		t.Errorf("exit %d: %s", status, stderr)
	}
	if status, out, _ := innkeeper(t, `{"hostname": {"name": "b"}}`, "plan", "--json", "--dir", dir, "web-1", "-"); status != 0 || !strings.Contains(out, `"command": "hostname b"`) {
		t.Errorf("exit %d: %s", status, out)
	}
}

func TestAPlanDoesNotWaitForEver(t *testing.T) {
	dir := served(t)
	innkeeper(t, "", "enrol", "web-1", "--dir", dir)
	status, _, stderr := innkeeper(t, `{}`, "plan", "--wait", "50ms", "--dir", dir, "web-1", "-")
	if status != 1 || !strings.Contains(stderr, "the guest did not answer") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}

func TestTheKeyIsRotatedByCommand(t *testing.T) {
	dir := served(t)
	before, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	if status, out, stderr := innkeeper(t, "", "rotate-key", "--dir", dir); status != 0 || !strings.Contains(out, "back "+dir+" up") {
		t.Errorf("exit %d: %s%s", status, out, stderr)
	}
	after, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil || string(before) == string(after) {
		t.Errorf("it is the same: %v", err)
	}
	if status, _, stderr := innkeeper(t, "", "rotate-key", "x", "--dir", dir); status != 2 || !strings.Contains(stderr, "takes no argument") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}
