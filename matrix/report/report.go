// Package report is the result of a run of the matrix and its three forms:
// JSON for programs, JUnit XML for CI systems, one HTML page for people.
package report

import (
	"time"

	"innkeeper/harness/event"
)

// Report is one run of the matrix.
type Report struct {
	// Started is when the run began, Seconds how long it took.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Seed is Ginkgo's seed, the same in every column.
	Seed int64 `json:"seed"`
	// Focus and Labels are what the specs were chosen by, empty for all but
	// those labelled soak.
	Focus  string `json:"focus,omitempty"`
	Labels string `json:"labels,omitempty"`
	// Passed is the verdict: every column ran specs and none failed.
	Passed bool `json:"passed"`
	// Guests has an entry for each column.
	Guests []Guest `json:"guests"`
}

// Guest is one column: the specs' results on one system.
type Guest struct {
	System string `json:"system"`
	Title  string `json:"title"`
	// Fidelity is lookalike or vendor; empty if the column ended before its
	// image was known.
	Fidelity    string `json:"fidelity"`
	Underneath  string `json:"underneath,omitempty"`
	Target      string `json:"target,omitempty"`
	Accelerator string `json:"accelerator,omitempty"`
	Start       string `json:"start,omitempty"`
	// BootSeconds is from the start of the guest to its answer, in seconds.
	BootSeconds float64  `json:"boot_seconds,omitempty"`
	MemoryMiB   int      `json:"memory_mib,omitempty"`
	Trimmed     []string `json:"trimmed,omitempty"`

	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	// Flaky counts specs that passed only when tried again.
	Flaky   int     `json:"flaky"`
	Seconds float64 `json:"seconds"`
	// Error says why the column could not do its work: not a failed spec but
	// an image, a boot or a process that broke.
	Error string       `json:"error,omitempty"`
	Specs []event.Spec `json:"specs"`
}

// Add counts a finished spec.
func (g *Guest) Add(s event.Spec) {
	g.Specs = append(g.Specs, s)
	switch s.State {
	case "passed":
		g.Passed++
		if s.Attempts > 1 {
			g.Flaky++
		}
	case "skipped", "pending":
		g.Skipped++
	default:
		g.Failed++
	}
}

// Describe takes over what the column said of its guest.
func (g *Guest) Describe(i event.GuestInfo) {
	g.Fidelity, g.Underneath, g.Target = i.Fidelity, i.Underneath, i.Target
	g.Accelerator, g.Start, g.BootSeconds = i.Accelerator, i.Start, i.BootSeconds
	g.MemoryMiB, g.Trimmed = i.MemoryMiB, i.Trimmed
	if i.Title != "" {
		g.Title = i.Title
	}
}

// OK says whether the column ran at least one spec and none failed.
func (g *Guest) OK() bool { return g.Error == "" && g.Failed == 0 && g.Passed > 0 }

// Judge sets the verdict from the columns.
func (r *Report) Judge() {
	r.Passed = len(r.Guests) > 0
	for i := range r.Guests {
		r.Passed = r.Passed && r.Guests[i].OK()
	}
}

// Row is one behaviour over all columns.
type Row struct {
	Name   string
	Labels []string
	// Cells are in the order of the report's guests; nil where the spec did not run.
	Cells []*event.Spec
}

// Rows turns the columns into the grid of behaviours x systems, in the order
// in which names first appear, specs of one container beside each other.
func (r *Report) Rows() []Row {
	index := map[string]int{}
	var rows []Row
	for c := range r.Guests {
		for s := range r.Guests[c].Specs {
			spec := &r.Guests[c].Specs[s]
			at, ok := index[spec.Name]
			if !ok {
				at = len(rows)
				index[spec.Name] = at
				rows = append(rows, Row{Name: spec.Name, Labels: behaviourLabels(spec.Labels, r.Guests), Cells: make([]*event.Spec, len(r.Guests))})
			}
			rows[at].Cells[c] = spec
		}
	}
	sortRows(rows)
	return rows
}
