// Package conformance tests an executable against the plugin protocol
// (docs/plugin-protocol.md): whether it answers as a daemon relies on, in good
// days and bad ones, and whether what it changes can be undone. It does for
// real what the plugin does, and has it undone.
package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"innkeeper/agent/systems/section"
)

// Options say what is tested, and with what.
type Options struct {
	// Path is the executable.
	Path string
	// Section is the section tested, if the plugin serves several.
	Section string
	// Desired is a valid value of the section that differs from what the
	// machine has; it is applied and then restored. Without it the first of the
	// schema's examples is planned and nothing is applied.
	Desired json.RawMessage
	// Deadline bounds a call, that of the plugin's description if 0.
	Deadline time.Duration
}

// Outcome is what a check came to.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Finding is one check.
type Finding struct {
	// Check says what was looked at.
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	// Detail says what is wrong, or why the check was skipped.
	Detail string `json:"detail,omitempty"`
	// Document is the section of docs/plugin-protocol.md that demands it.
	Document string `json:"document"`
}

// Report is what was found.
type Report struct {
	Path    string `json:"path"`
	Section string `json:"section,omitempty"`
	// Description is what the plugin says of itself, if it does.
	Description *section.Description `json:"description,omitempty"`
	Findings    []Finding            `json:"findings"`
}

// OK is false if a check failed.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Outcome == Failed })
}

// The sections of docs/plugin-protocol.md.
const (
	docRequest    = "A request"
	docAnswer     = "An answer"
	docOperations = "Operations"
	docCost       = "What a call may cost"
)

// examination is the state of one Run.
type examination struct {
	o      Options
	dir    string
	report Report

	described section.Description
	desired   json.RawMessage
}

// Run makes all checks, in a temporary folder. An error means that the checks
// could not be made, not that one failed.
func Run(ctx context.Context, o Options) (Report, error) {
	dir, err := os.MkdirTemp("", "guestd-plugin-check-*")
	if err != nil {
		return Report{}, fmt.Errorf("make a folder for the plugin to work in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	x := &examination{o: o, dir: dir, report: Report{Path: o.Path}}
	if x.describe(ctx) {
		x.refusals(ctx)
		if x.sample() {
			x.planning(ctx)
			if x.mayChange() {
				x.changing(ctx)
			}
		}
	}
	if err := context.Cause(ctx); err != nil {
		return x.report, fmt.Errorf("check %s: %w", o.Path, err)
	}
	return x.report, nil
}

// check makes one check, whose error is what is wrong.
func (x *examination) check(document, what string, look func() error) bool {
	f := Finding{Check: what, Document: document, Outcome: Passed}
	if err := look(); err != nil {
		f.Outcome, f.Detail = Failed, err.Error()
	}
	x.report.Findings = append(x.report.Findings, f)
	return f.Outcome == Passed
}

// skip notes that a check was not made.
func (x *examination) skip(document, what, why string) {
	x.report.Findings = append(x.report.Findings, Finding{Check: what, Document: document, Outcome: Skipped, Detail: why})
}

// sample finds the desired value to test with; false if there is none.
func (x *examination) sample() bool {
	x.desired = x.o.Desired
	if x.desired == nil {
		var schema struct {
			Examples []json.RawMessage `json:"examples"`
		}
		if err := json.Unmarshal(x.described.Schema, &schema); err == nil && len(schema.Examples) > 0 {
			x.desired = schema.Examples[0]
		}
	}
	if x.desired == nil {
		x.skip(docOperations, "plan, apply and restore", "no desired value is given (--desired), and the schema has no examples")
	}
	return x.desired != nil
}

// mayChange is true if a value was given to be applied.
func (x *examination) mayChange() bool {
	if x.o.Desired == nil {
		x.skip(docOperations, "apply and restore", "they change this machine, and no desired value is given (--desired)")
	}
	return x.o.Desired != nil
}
