// Package section says what a driver of one section is: the Section interface
// that each operating system implements per section, and the plan it makes.
// It lies left of the plugin protocol, which serves a Section as a process.
package section

import (
	"context"
	"encoding/json"

	"innkeeper/agent/guest"
)

// Section makes one section of the desired document true on a machine. Every
// call is made in a process of its own: nothing is remembered between them
// but what lies on the machine and what the plan carries.
type Section interface {
	// Describe says what the section is and needs; it does not touch the machine.
	Describe() Description
	// Plan reads the machine and says what would have to change. It changes
	// nothing. No Changes means that the machine is as desired.
	Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (Plan, error)
	// Apply makes the changes of a plan of the same desired value.
	Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan Plan) error
	// Restore brings back what a plan's checkpoint recorded. It may be called
	// after none, some or all of an Apply, and again after a Restore that was
	// cut short.
	Restore(ctx context.Context, m guest.Machine, checkpoint json.RawMessage) error
}

// Operation is a call of a Section.
type Operation string

// The operations of the plugin protocol.
const (
	OpDescribe Operation = "describe"
	OpPlan     Operation = "plan"
	OpApply    Operation = "apply"
	OpRestore  Operation = "restore"
)

// Description is what a section says of itself.
type Description struct {
	// Sections are the names it serves, normally one.
	Sections []string `json:"sections"`
	// Version is the plugin's own version, for reports.
	Version string `json:"version,omitempty"`
	// Schema is the JSON Schema of the section's desired value, if there is one.
	Schema json.RawMessage `json:"schema,omitempty"`
	// Capabilities are words that tell the platform what of the section's
	// contract this system can do.
	Capabilities []string `json:"capabilities,omitempty"`
	// MayCutOff says that an apply can cut the machine off the network, so
	// that it has to be confirmed over the network or is undone.
	MayCutOff bool `json:"may_cut_off,omitempty"`
	// After are the sections without which this one cannot be made true: it
	// waits for those that the document manages, and fails while one of them
	// does.
	After []string `json:"after,omitempty"`
	// Unkillable are the operations that must not be killed once begun (a
	// package manager at work): at the deadline they are reported as stuck
	// and left to end.
	Unkillable []Operation `json:"unkillable,omitempty"`
	// StartsServices says that it starts services itself, as System V's scripts
	// do: what took a session of its own outlives the plugin. The agent's own
	// sections may always do so.
	StartsServices bool `json:"starts_services,omitempty"`
	// DeadlineSeconds bounds one operation, 0 for the supervisor's default.
	DeadlineSeconds int `json:"deadline_seconds,omitempty"`
	// MemoryMiB bounds the memory of the plugin and what it runs, 0 for the
	// supervisor's default.
	MemoryMiB int `json:"memory_mib,omitempty"`
}

// Plan is what a section found and what it would do.
type Plan struct {
	// Actual is the section's value as read from the machine, in the shape of
	// the desired value.
	Actual json.RawMessage `json:"actual,omitempty"`
	// Changes are the steps to the desired value; none when it is reached.
	Changes []Change `json:"changes,omitempty"`
	// Checkpoint is all that Restore needs to undo the changes.
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
}

// Change is one step of a plan, told so that a person can judge it.
type Change struct {
	// Summary is one line: "set the host name from a to b".
	Summary string `json:"summary"`
	// Path is the file that changes, if one does.
	Path string `json:"path,omitempty"`
	// Diff is the change of the file at Path.
	Diff string `json:"diff,omitempty"`
	// Command is the command that will run, if one does.
	Command string `json:"command,omitempty"`
}
