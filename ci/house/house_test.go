// Package house checks the rules of the house that a compiler does not:
// which package may import which, and what packages may be called.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "innkeeper/"

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Doc                                string
	GoFiles, TestGoFiles               []string
}

// packages of the module for a system, test imports among Imports.
func packages(t *testing.T, goos string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Doc,GoFiles,TestGoFiles", "innkeeper/...")
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", goos, err)
	}
	var all []listed
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layers of the agent, lowest first: a package imports only from layers at or
// below its own (docs/architecture.md).
var layers = []string{
	"innkeeper/agent/state",
	"innkeeper/agent/guest",
	"innkeeper/agent/mechanisms",
	"innkeeper/agent/systems",
	"innkeeper/agent/plugin",
	"innkeeper/agent/journal",
	"innkeeper/agent/guardian",
	"innkeeper/agent/reconcile",
	"innkeeper/agent/link",
	"innkeeper/agent/update",
	"innkeeper/agent",
}

// layer is the index of the innermost layer a path lies in, -1 outside the agent.
func layer(path string) int {
	found := -1
	for i, l := range layers {
		if path == l || strings.HasPrefix(path, l+"/") {
			if found < 0 || len(l) > len(layers[found]) {
				found = i
			}
		}
	}
	return found
}

// vocabulary are types that several layers speak and that themselves import
// only from the layers named here.
var vocabulary = map[string]int{
	"innkeeper/agent/systems/section": 1, // what a driver is: state and guest below it
	"innkeeper/agent/service":         2, // a mechanism of every system, kept beside them
}

func rank(path string) int {
	for prefix, at := range vocabulary {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return at
		}
	}
	return layer(path)
}

func TestTheAgentsImportsPointOneWay(t *testing.T) {
	for _, goos := range []string{"linux", "freebsd", "windows"} {
		for _, p := range packages(t, goos) {
			from := rank(p.ImportPath)
			if from < 0 {
				continue
			}
			for _, to := range p.Imports {
				if !strings.HasPrefix(to, module) {
					continue
				}
				switch at := rank(to); {
				case at < 0:
					t.Errorf("%s (%s) imports %s: the agent imports nothing of ours but the agent", p.ImportPath, goos, to)
				case at > from:
					t.Errorf("%s (%s) imports %s: imports point from main down to state", p.ImportPath, goos, to)
				}
			}
		}
	}
}

func TestMechanismsKnowOnlyTheGuest(t *testing.T) {
	for _, p := range packages(t, "linux") {
		if !strings.HasPrefix(p.ImportPath, "innkeeper/agent/mechanisms/") {
			continue
		}
		for _, to := range p.Imports {
			if strings.HasPrefix(to, module) && !strings.HasPrefix(to, "innkeeper/agent/guest") && !strings.HasPrefix(to, "innkeeper/agent/mechanisms/") {
				t.Errorf("%s imports %s: a mechanism knows the guest and nothing else of ours", p.ImportPath, to)
			}
		}
	}
}

// TestSpecsDoNotCheckTheAgentWithItself holds for tests of those packages too.
func TestSpecsDoNotCheckTheAgentWithItself(t *testing.T) {
	for _, p := range packages(t, "linux") {
		if !within(p.ImportPath, "harness", "specs", "matrix") {
			continue
		}
		for _, to := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if within(to, "agent/systems", "agent/mechanisms") && !within(to, "agent/systems/section") {
				t.Errorf("%s imports %s: a spec that checks the agent with the agent's own code proves nothing", p.ImportPath, to)
			}
		}
	}
}

func within(path string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool {
		return path == module+d || strings.HasPrefix(path, module+d+"/")
	})
}

func TestPackagesHaveOneReasonToExist(t *testing.T) {
	banned := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"}
	for _, p := range packages(t, "linux") {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			if slices.Contains(banned, part) {
				t.Errorf("%s: a package is named after its one reason to exist, not %q", p.ImportPath, part)
			}
		}
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
