package state

import "encoding/json"

// Plan answers a dry run: what a document would change if it were in force
// now. Nothing was touched to find out.
type Plan struct {
	Guest string `json:"guest"`
	// Refused are the reasons for which the document would not be accepted,
	// one line per bad field; Sections is then empty.
	Refused []string `json:"refused,omitempty"`
	// Sections has an entry for each section of the document.
	Sections map[string]PlannedSection `json:"sections,omitempty"`
}

// PlannedSection is what would become of one section.
type PlannedSection struct {
	// Error says why there is no plan, in a line a person can act on.
	Error string `json:"error,omitempty"`
	// Actual is what was read from the machine.
	Actual json.RawMessage `json:"actual,omitempty"`
	// Changes are the steps, in order; none if the section is as desired.
	Changes []PlannedChange `json:"changes,omitempty"`
}

// PlannedChange is one step of a plan.
type PlannedChange struct {
	// Summary is one line: "set the host name from a to b".
	Summary string `json:"summary"`
	// Path is the file that would change, and Diff how, if one would.
	Path string `json:"path,omitempty"`
	Diff string `json:"diff,omitempty"`
	// Command is the command that would run, if one would.
	Command string `json:"command,omitempty"`
}
