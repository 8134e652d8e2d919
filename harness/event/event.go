// Package event is what a column (the process that runs the specs on one
// guest) tells the matrix while it works: one JSON object a line on an extra
// file descriptor.
package event

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Kind says what an event tells.
type Kind string

// The kinds of event.
const (
	// Phase: the column entered a phase (Event.Phase, Event.Detail).
	Phase Kind = "phase"
	// Plan: the number of specs that will run is known (Event.Total).
	Plan Kind = "plan"
	// Started: a spec began (Event.Spec).
	Started Kind = "started"
	// Finished: a spec ended (Event.Spec).
	Finished Kind = "finished"
	// Guest: what the guest is (Event.Guest).
	Guest Kind = "guest"
	// Ready: the column has ended its specs and keeps its guest (--keep).
	Ready Kind = "ready"
)

// Event is one line.
type Event struct {
	Kind   Kind       `json:"kind"`
	Time   time.Time  `json:"time"`
	Phase  string     `json:"phase,omitempty"`
	Detail string     `json:"detail,omitempty"`
	Total  int        `json:"total,omitempty"`
	Spec   *Spec      `json:"spec,omitempty"`
	Guest  *GuestInfo `json:"guest,omitempty"`
}

// GuestInfo says what the column runs on.
type GuestInfo struct {
	System      string `json:"system"`
	Title       string `json:"title"`
	Fidelity    string `json:"fidelity"`
	Underneath  string `json:"underneath,omitempty"`
	Target      string `json:"target"`      // GOOS/GOARCH of the guestd under test
	Accelerator string `json:"accelerator"` // kvm or tcg
	Start       string `json:"start"`       // warm or cold
	// BootSeconds is the time from start to an answering guest, in seconds.
	BootSeconds float64 `json:"boot_seconds"`
	// MemoryMiB is the resident memory of the guest's QEMU process in MiB.
	MemoryMiB int      `json:"memory_mib,omitempty"`
	Trimmed   []string `json:"trimmed,omitempty"`
}

// Spec is one spec and, once finished, how it ended.
type Spec struct {
	// Name is the full text, containers and leaf joined by blanks.
	Name   string   `json:"name"`
	Labels []string `json:"labels,omitempty"`
	// State is passed, failed, skipped, pending, timedout, panicked, interrupted or aborted.
	State    string  `json:"state,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	Attempts int     `json:"attempts,omitempty"`
	// Message says why it failed or was skipped.
	Message  string `json:"message,omitempty"`
	Location string `json:"location,omitempty"`
	// Output is what the spec wrote (GinkgoWriter), at most 64 KiB.
	Output string `json:"output,omitempty"`
	// Evidence names the files collected after a failure.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence is one collected file.
type Evidence struct {
	// Name is console, screenshot, agent-log, system-log, pcap, reported ...
	Name string `json:"name"`
	// Path is where the column put it.
	Path string `json:"path"`
	// Type is its media type, such as "text/plain" or "image/png".
	Type string `json:"type"`
}

// Writer writes events to w, one a line. It is safe for concurrent use; a nil
// Writer discards.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Emit writes e as a line, stamped with the present time if it has none.
// Errors are dropped: a reader that went away must not fail a spec.
func (w *Writer) Emit(e Event) {
	if w == nil || w.w == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.w.Write(append(line, '\n'))
}
