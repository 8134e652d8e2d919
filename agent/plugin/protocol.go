// Package plugin is the protocol between the daemon and the programs that do
// its work, both ends of it. The daemon never touches the machine itself: it
// runs a section's plugin as a child process, one process for one operation,
// so that a crash, a hang, a leak or a flood of output costs that section
// only. The shape is that of CNI: a JSON request on standard input, JSON lines
// on standard output, log on standard error.
package plugin

import (
	"encoding/json"

	"innkeeper/agent/systems/section"
)

// Version is the protocol's version; it is in every request.
const Version = 1

// Request is what a plugin reads, one JSON object, on its standard input.
type Request struct {
	Protocol  int               `json:"protocol"`
	Operation section.Operation `json:"operation"`
	Section   string            `json:"section"`
	// Revision is that of the document the desired value is from, to be told
	// in logs.
	Revision uint64 `json:"revision,omitempty"`
	// Desired is the section's value, for plan and apply.
	Desired json.RawMessage `json:"desired,omitempty"`
	// Plan is what the plan operation answered, for apply.
	Plan *section.Plan `json:"plan,omitempty"`
	// Checkpoint is that of the plan, for apply and restore.
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
}

// The types of the lines a plugin writes on its standard output: any number
// of progress lines, then exactly one result or error, then nothing.
const (
	typeProgress = "progress"
	typeResult   = "result"
	typeError    = "error"
)

// Line is one line of a plugin's standard output.
type Line struct {
	Type string `json:"type"`
	// Message and Percent are of a progress line; Percent is absent when it
	// cannot be known.
	Message string `json:"message,omitempty"`
	Percent *int   `json:"percent,omitempty"`
	// Result is of a result line: a section.Description for describe, a
	// section.Plan for plan, an empty object for apply and restore.
	Result json.RawMessage `json:"result,omitempty"`
	// Error is of an error line.
	Error *section.Error `json:"error,omitempty"`
}
