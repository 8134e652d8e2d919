// Command faultplugin is a third-party plugin for the section "mischief", and
// for one more of each kind of mischief, so that all kinds can be done at once.
// The desired value says how it is to misbehave. It does so for real, so that
// the specs see what a broken plugin costs the agent: its own section and
// nothing else.
//
// The desired value is {"do": WHAT, "on": "plan" or "apply"}; on is plan when
// absent. What it can do: ok, crash (a fault the system ends it for), exit
// (status 3), hang, flood (output without end), eat (memory without end), fork
// (leaves processes behind, detached ones too, and crashes), garbage (output
// that is not of the protocol), tell (says its secret in all it can, and crashes
// at apply).
//
// Under the name laggard it is the same for the section "laggard" with a short
// deadline, and under the name cutoff it serves another section (see cutoff.go).
//
// With a few words added to its end it is a guestd that is no good (see
// impostor.go).
//
// It is written against the protocol's description, docs/plugin-protocol.md,
// and not with the agent's own code.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The first arguments of what fork starts.
const (
	leftBehind  = "left-behind"   // hangs
	parentOfOne = "parent-of-one" // leaves one behind, detached, and ends
)

// laggard is the name of a copy whose deadline is no longer than the specs want
// to wait for what hangs. That of the others is for five of them at a time on
// an emulated guest beside five more, where fork took over a minute.
const laggard = "laggard"

const (
	deadlineSeconds        = 180
	laggardDeadlineSeconds = 3
)

// tell is what it does to betray its secret.
const tell = "tell"

// kinds are what it can do but behave.
var kinds = []string{"crash", "exit", "hang", "flood", "eat", "fork", "garbage", tell}

type request struct {
	Operation string `json:"operation"`
	Section   string `json:"section"`
	Desired   struct {
		Do string `json:"do"`
		On string `json:"on"`
		// Secret is marked as one in the schema; tell tells it.
		Secret string `json:"secret"`
	} `json:"desired"`
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case leftBehind:
			hang()
		case parentOfOne:
			leave(true)
			return
		case "version", "run", "plugin":
			guestd(os.Args[1])
		}
	}
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail("failed", "read the request: "+err.Error(), "")
		return
	}
	if startedAs(cutoff) {
		answerCutoff(raw)
		return
	}
	var q request
	if err := json.Unmarshal(raw, &q); err != nil {
		fail("invalid", "the request is not JSON: "+err.Error(), "")
		return
	}
	if q.Desired.Do == tell {
		fmt.Fprintf(os.Stderr, "plugin was given %s\n", raw)
	}
	answer(q)
}

func answer(q request) {
	on := q.Desired.On
	if on == "" {
		on = "plan"
	}
	switch q.Operation {
	case "describe":
		sections, deadline := []string{"mischief"}, deadlineSeconds
		for _, kind := range kinds {
			sections = append(sections, "mischief-"+kind)
		}
		if startedAs(laggard) {
			sections, deadline = []string{laggard}, laggardDeadlineSeconds
		}
		result(map[string]any{
			"sections": sections, "version": "1", "deadline_seconds": deadline,
			"schema": json.RawMessage(`{"type":"object","properties":{"do":{"enum":["ok","crash","exit","hang","flood","eat","fork","garbage","tell"]},"on":{"enum":["plan","apply"]},"secret":{"type":"string","writeOnly":true}}}`),
		})
	case "plan":
		if on == "plan" {
			misbehave(q.Desired.Do)
		}
		plan(q)
	case "apply":
		if q.Desired.Do == tell {
			fmt.Fprintf(os.Stderr, "fatal error: cannot log in with %q\n", q.Desired.Secret)
			os.Exit(2)
		}
		if on == "apply" {
			misbehave(q.Desired.Do)
		}
		result(struct{}{})
	case "restore":
		result(struct{}{})
	default:
		fail("unsupported", "the operation "+q.Operation+" is not known", "")
	}
}

// startedAs says whether the program was started under that name.
func startedAs(name string) bool {
	base := strings.ToLower(filepath.Base(os.Args[0]))
	return strings.TrimSuffix(base, ".exe") == name
}

// plan finds the machine as desired only if nothing is to go wrong; else there
// is a change, so that apply is called.
func plan(q request) {
	p := map[string]any{"actual": map[string]string{"do": "ok"}, "checkpoint": struct{}{}}
	switch do := q.Desired.Do; {
	case do == "ok":
	case do == tell:
		secret := q.Desired.Secret
		line(map[string]any{"type": "progress", "message": "have " + secret})
		p["actual"] = map[string]string{"do": "ok", "secret": secret}
		p["checkpoint"] = map[string]string{"secret": secret}
		p["changes"] = []map[string]string{{"summary": "log in with " + secret, "command": "login " + secret, "diff": "+" + secret}}
	case slices.Contains(kinds, do):
		p["changes"] = []map[string]string{{"summary": "misbehave: " + do}}
	default:
		fail("invalid", fmt.Sprintf("%q is nothing it can do", do), q.Section+".do")
		return
	}
	result(p)
}

func result(r any) { line(map[string]any{"type": "result", "result": r}) }

func fail(code, message, path string) {
	line(map[string]any{"type": "error", "error": map[string]string{"code": code, "message": message, "path": path}})
}

func line(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if _, err := os.Stdout.Write(append(b, '\n')); err != nil {
		os.Exit(1)
	}
}
