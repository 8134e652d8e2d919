package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/plugin/conformance"
)

func TestPluginCheck(t *testing.T) {
	g := newRig()
	file := filepath.Join(t.TempDir(), "line")
	value := fmt.Sprintf(`{"line":"0 3 * * * root true","file":%q}`, file)
	g.m.Put("/value.json", value)
	mute := filepath.Join(t.TempDir(), "mute")
	if err := os.WriteFile(mute, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const good = "../docs/plugins/cron-line"
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{good}, 0, "11 passed, 0 failed, 1 skipped"},
		{[]string{good, "--desired", value}, 0, "passed  restore undoes an apply that was killed\n16 passed, 0 failed, 0 skipped"},
		{[]string{good, "--desired", "/value.json"}, 0, "16 passed, 0 failed, 0 skipped"},
		{[]string{good, "--section", "other"}, 1, "it describes itself as serving cron-line\n        see \"Operations\" in the description of the plugin protocol"},
		{[]string{mute}, 1, "it ended with exit status 3 and without an answer"},
		{[]string{mute}, 1, mute + " does not conform to the plugin protocol"},
		{nil, 2, "plugin check takes one argument"},
		{[]string{"/nowhere"}, 2, "/nowhere cannot be run"},
		{[]string{good, "--desired", "{"}, 2, "--desired { is not JSON"},
		{[]string{good, "--desired", "/nowhere"}, 2, "neither JSON nor a file that can be read"},
	} {
		status, out, stderr := g.run(append([]string{"plugin", "check"}, c.args...)...)
		if status != c.status || !strings.Contains(out+stderr, c.says) {
			t.Errorf("%v: exit %d: %s%s", c.args, status, out, stderr)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Errorf("%s was not restored", file)
	}
	_, out, _ := g.run("plugin", "check", mute, "--json")
	var r conformance.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.OK() || r.Path != mute {
		t.Errorf("%v: %s", err, out)
	}
	if status, _, stderr := g.run("plugin", "list", "--desired", "{}"); status != 2 || !strings.Contains(stderr, "are for plugin check only") {
		t.Errorf("exit %d: %s", status, stderr)
	}
}
