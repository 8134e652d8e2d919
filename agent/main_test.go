package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/service"
	"innkeeper/agent/systems"
	"innkeeper/agent/systems/section"
)

// inn is a system that exists only here.
type inn struct {
	calls *[]string
	err   error
}

func (inn) Name() string                                   { return "inn" }
func (inn) Recognise(context.Context, guest.Machine) error { return nil }
func (inn) Version(guest.Machine) string                   { return "7" }
func (inn) Sections() map[string]section.Section           { return map[string]section.Section{"motd": motd{}} }
func (s inn) Service(guest.Machine) service.Service        { return s }
func (inn) Layout() systems.Layout {
	return systems.Layout{
		Binary: "/sbin/guestd", StateDir: "/var/lib/guestd", PluginDir: "/nowhere/plugins",
		LogFile: "/var/log/guestd.log", JoinFile: "/var/lib/guestd/join.json",
	}
}

func (s inn) note(call string) error {
	*s.calls = append(*s.calls, call)
	return s.err
}
func (s inn) Install(context.Context) error         { return s.note("install") }
func (s inn) Uninstall(context.Context) error       { return s.note("uninstall") }
func (s inn) Running(context.Context) (bool, error) { return true, s.note("running") }

// motd describes and plans, and does no more.
type motd struct{}

func (motd) Describe() section.Description { return section.Description{Sections: []string{"motd"}} }

func (motd) Plan(context.Context, guest.Machine, json.RawMessage) (section.Plan, error) {
	return section.Plan{Actual: json.RawMessage(`{"text":"hello"}`)}, nil
}

func (motd) Apply(context.Context, guest.Machine, json.RawMessage, section.Plan) error {
	return errors.New("not here")
}

func (motd) Restore(context.Context, guest.Machine, json.RawMessage) error {
	return errors.New("not here")
}

// rig is guestd on a machine in memory.
type rig struct {
	m     *guesttest.Fake
	calls []string
	err   error
	stdin string
}

func (g *rig) run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	sys := inn{&g.calls, g.err}
	a := app{
		machine: g.m, all: []systems.System{sys},
		detect: func(guest.Machine) (systems.System, error) { return sys, nil },
		stdin:  strings.NewReader(g.stdin), stdout: &out, stderr: &errs,
	}
	status = a.main(context.Background(), args)
	return status, out.String(), errs.String()
}

func newRig() *rig {
	return &rig{m: guesttest.New(map[string]string{"/sbin/guestd": "program"}).OnOutput("uname -sr", "Inn 7.0\n")}
}

func TestUsageErrorsExitWith2AndSayWhatThereIs(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"", "no command is given"},
		{"frob", `no command is named "frob"; there are run, install, uninstall, status, version, detect, plugin`},
		{"help frob", `no command is named "frob"`},
		{"status --frob", "unknown flag: --frob; see: guestd status --help"},
		{"status now", `status takes no argument, and "now" is given`},
		{"run now", `run takes no argument`},
		{"run --log-level loud", `--log-level "loud" is none of debug, info, warn, error`},
		{"detect now", `detect takes no argument`},
		{"version now", `version takes no argument`},
		{"uninstall now", `uninstall takes no argument`},
		{"install file", `install takes no argument, and "file" is given`},
		{"install --join=", "--join needs the name of a file"},
		{"guardian", "guardian takes --state-dir and one order's name"},
		{"guardian --state-dir /var/lib/guestd", "guardian takes --state-dir and one order's name"},
		{"plugin", "plugin takes one argument: a section, or list"},
		{"plugin time", `guestd serves no section "time" on inn; it serves [motd]`},
		{"plugin --system beos motd", `no system is named "beos"; there are [inn]`},
	} {
		status, stdout, stderr := newRig().run(strings.Fields(c.args)...)
		if status != 2 || !strings.Contains(stderr, "guestd: "+c.says) && !strings.Contains(stderr, c.says) || stdout != "" {
			t.Errorf("guestd %s: exit %d, %q, %q; want %q", c.args, status, stdout, stderr, c.says)
		}
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, c := range (app{}).commands() {
		for _, args := range [][]string{{c.name, "--help"}, {"help", c.name}} {
			status, stdout, stderr := newRig().run(args...)
			if status != 0 || stderr != "" || !strings.Contains(stdout, "Usage:\n  guestd "+c.name) || !strings.Contains(stdout, "Examples:\n  ") {
				t.Errorf("%v: exit %d, %q, %q", args, status, stdout, stderr)
			}
		}
		if _, stdout, _ := newRig().run("--help"); strings.Contains(stdout, "  "+c.name) == c.hidden {
			t.Errorf("%s is in the overview: %v", c.name, !c.hidden)
		}
	}
}

func TestDetectAndVersion(t *testing.T) {
	g := newRig()
	if status, out, _ := g.run("detect", "--json"); status != 0 || !strings.Contains(out, `"name": "inn"`) || !strings.Contains(out, `"kernel": "Inn 7.0"`) || !strings.Contains(out, `"motd"`) {
		t.Errorf("exit %d: %s", status, out)
	}
	if status, out, _ := g.run("detect"); status != 0 || out != "inn 7 (Inn 7.0), sections [motd]\n" {
		t.Errorf("exit %d: %s", status, out)
	}
	var v told
	if _, out, _ := g.run("version", "--json"); json.Unmarshal([]byte(out), &v) != nil || v.StateDir != "/var/lib/guestd" || v.Version == "" || v.Target != target() {
		t.Errorf("got %s", out)
	}
	if len(g.m.Writes()) != 0 {
		t.Errorf("wrote %v", g.m.Writes())
	}
}

func TestInstallAndUninstall(t *testing.T) {
	if os.Geteuid() != 0 {
		status, _, stderr := newRig().run("install")
		if status != 1 || !strings.Contains(stderr, "install has to be run by root") {
			t.Errorf("exit %d: %s", status, stderr)
		}
		t.Skip("the rest has to be run by root")
	}
	g := newRig()
	if status, out, stderr := g.run("install"); status != 0 || !slices.Equal(g.calls, []string{"install"}) || !strings.Contains(out, "it has no platform yet: guestd install --join FILE") {
		t.Errorf("exit %d: %s%s, calls %v", status, out, stderr, g.calls)
	}
	if status, out, _ := g.run("uninstall"); status != 0 || !slices.Equal(g.calls, []string{"install", "uninstall"}) || !strings.Contains(out, "its state stays in /var/lib/guestd") {
		t.Errorf("exit %d: %s, calls %v", status, out, g.calls)
	}

	g = newRig()
	g.err = errors.New("the manager is out")
	if status, _, stderr := g.run("install"); status != 1 || !strings.Contains(stderr, "guestd: install the service on inn: the manager is out") {
		t.Errorf("exit %d: %s", status, stderr)
	}

	g = newRig()
	if status, _, stderr := g.run("install", "--join", "/root/none.json"); status != 1 || !strings.Contains(stderr, "read the join file: open /root/none.json") || len(g.calls) != 0 {
		t.Errorf("exit %d: %s", status, stderr)
	}
	g.m.Put("/root/bad.json", `{"guest":"g"}`)
	if status, _, stderr := g.run("install", "--join", "/root/bad.json"); status != 1 || !strings.Contains(stderr, "has mode 0644, so others may have read the guest's key") || len(g.calls) != 0 {
		t.Errorf("exit %d: %s", status, stderr)
	}
	if err := g.m.WriteFile("/root/bad.json", []byte(`{"guest":"g"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := g.run("install", "--join", "/root/bad.json"); status != 1 || !strings.Contains(stderr, "the join file /root/bad.json cannot be used: ") || len(g.calls) != 0 {
		t.Errorf("exit %d: %s", status, stderr)
	}

	g = newRig()
	if err := g.m.Remove("/sbin/guestd"); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := g.run("install"); status != 1 || !strings.Contains(stderr, "guestd belongs at /sbin/guestd on inn") || len(g.calls) != 0 {
		t.Errorf("exit %d: %s", status, stderr)
	}
}

func TestStatusOfADaemonThatNeverRanAndOneThatEnded(t *testing.T) {
	g := newRig()
	if status, _, stderr := g.run("status"); status != 1 || !strings.Contains(stderr, "guestd has not run on this machine yet; to start it: guestd install") {
		t.Errorf("exit %d: %s", status, stderr)
	}
	g.m.Put("/var/lib/guestd/status.json", `{"enrolled":true,"connected":true,"reported":{"guest":"g","revision":4,
		"refused":{"revision":5,"reasons":["hostname.name: is missing"]},
		"system":{"name":"inn","version":"7"},"agent":{"notes":["look here"],"update":{"id":"a","from":"1","version":"2","status":"rolled-back","message":"no line"}},
		"sections":{"motd":{"status":"failed","message":"no luck","actual":{
		"text": "x"}}}}}`)
	status, out, stderr := g.run("status")
	if status != 1 || !strings.Contains(stderr, "guestd does not run; this is what it last said") {
		t.Errorf("exit %d: %s", status, stderr)
	}
	for _, want := range []string{"does not run", "not connected; enrolled as g", "revision 4", "revision 5: hostname.name: is missing", "look here", "from 1 to 2: rolled-back: no line", `failed {"text":"x"}: no luck`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if status, out, _ := g.run("status", "--json"); status != 1 || !json.Valid([]byte(out)) || !strings.Contains(out, `"running": false`) {
		t.Errorf("exit %d: %s", status, out)
	}
	g.m.Put("/var/lib/guestd/status.json", "{")
	if status, _, stderr := g.run("status"); status != 1 || !strings.Contains(stderr, "read the status in /var/lib/guestd") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}

func TestPluginServesASectionAndListsAll(t *testing.T) {
	g := newRig()
	g.stdin = `{"protocol":1,"operation":"plan","section":"motd","desired":{}}`
	if status, out, stderr := g.run("plugin", "--system", "inn", "motd"); status != 0 || out != `{"type":"result","result":{"actual":{"text":"hello"}}}`+"\n" {
		t.Errorf("exit %d: %s%s", status, out, stderr)
	}
	if status, out, _ := g.run("plugin", "list"); status != 0 || out != "motd  guestd  built in\n" {
		t.Errorf("exit %d: %s", status, out)
	}
	if status, out, _ := g.run("plugin", "list", "--json"); status != 0 || !strings.Contains(out, `"section": "motd"`) {
		t.Errorf("exit %d: %s", status, out)
	}
}
