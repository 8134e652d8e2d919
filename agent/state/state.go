// Package state is the contract between the platform and a guest: the Desired
// document that says what a guest should be, and the Reported document in
// which the guest says what it is. It imports nothing else of this module, so
// that platform, agent, harness and specs can all speak it.
package state

import (
	"encoding/json"
	"time"
)

// Desired is what a guest's owner chose. A section that is absent from
// Sections is not managed and is left as it is.
type Desired struct {
	// Revision grows with every change; the agent refuses one that is not
	// greater than the last it accepted.
	Revision uint64 `json:"revision"`
	// Guest is the id of the guest the document is meant for.
	Guest string `json:"guest"`
	// Sections maps a section's name ("hostname", or one a third-party
	// plugin brings) to its desired value.
	Sections map[string]json.RawMessage `json:"sections"`
	// ConfirmSeconds is how long a change that can cut the guest off waits to
	// be confirmed over the network before it is undone, in seconds:
	// MinConfirmSeconds to MaxConfirmSeconds, or 0 for DefaultConfirmSeconds.
	ConfirmSeconds int `json:"confirm_seconds,omitempty"`
	// Drift says by section what to do about a change that the agent did not
	// make. A section that is absent has EnforceDrift.
	Drift map[string]DriftPolicy `json:"drift,omitempty"`
}

// The window of a confirmation, in seconds.
const (
	MinConfirmSeconds     = 10
	MaxConfirmSeconds     = 3600
	DefaultConfirmSeconds = 60
)

// ConfirmWindow is how long a change that can cut the guest off waits to be
// confirmed.
func (d Desired) ConfirmWindow() time.Duration {
	if d.ConfirmSeconds == 0 {
		return DefaultConfirmSeconds * time.Second
	}
	return time.Duration(d.ConfirmSeconds) * time.Second
}

// DriftPolicy says what to do about drift: a machine that is no longer as the
// document in force says, though it was.
type DriftPolicy string

// The policies for drift.
const (
	// EnforceDrift puts the machine right again.
	EnforceDrift DriftPolicy = "enforce"
	// ReportDrift leaves it as it is and reports the section as Drifted. A new
	// value of the section is applied all the same.
	ReportDrift DriftPolicy = "report"
)

// Hostname is the desired value of the section "hostname".
type Hostname struct {
	// Name is a single label of RFC 1123: letters, digits and inner hyphens,
	// at most 63 bytes.
	Name string `json:"name"`
	// Domain is the DNS domain of the guest, or empty for none.
	Domain string `json:"domain,omitempty"`
}

// FQDN is Name and Domain joined by a dot, or Name alone without a domain.
func (h Hostname) FQDN() string {
	if h.Domain == "" {
		return h.Name
	}
	return h.Name + "." + h.Domain
}

// Status says how a section stands.
type Status string

// The statuses a section can have.
const (
	InSync               Status = "in-sync"
	Applying             Status = "applying"
	AwaitingConfirmation Status = "awaiting-confirmation"
	Failed               Status = "failed"
	RolledBack           Status = "rolled-back"
	Drifted              Status = "drifted"
	Unsupported          Status = "unsupported"
)

// Reported is what a guest says of itself.
type Reported struct {
	Guest string `json:"guest"`
	// Revision is the newest document the agent accepted, 0 for none.
	Revision uint64 `json:"revision"`
	// Refused is set while the newest document received was refused: its
	// revision, and one line per bad field, each beginning with the field's path.
	Refused *Refusal `json:"refused,omitempty"`
	System  System   `json:"system"`
	Agent   Agent    `json:"agent"`
	// Sections has an entry for each section of the accepted document.
	Sections map[string]Section `json:"sections"`
	Time     time.Time          `json:"time"`
}

// Refusal says why a document was not accepted. The last good one stays in force.
type Refusal struct {
	Revision uint64   `json:"revision"`
	Reasons  []string `json:"reasons"`
}

// System names the operating system the agent found itself on.
type System struct {
	// Name is one of ubuntu, centos, windows, openfiler, freenas, pfsense.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Kernel is the name and release the running kernel gives of itself.
	Kernel string `json:"kernel,omitempty"`
}

// Agent describes the running daemon.
type Agent struct {
	Version string `json:"version"`
	// Target is GOOS/GOARCH of the build.
	Target string `json:"target"`
	// PID is the daemon's process id on the guest.
	PID int `json:"pid"`
	// Started is when the daemon started.
	Started time.Time `json:"started"`
	// Capabilities are the sections the agent has a plugin for.
	Capabilities []string `json:"capabilities,omitempty"`
	// Notes are lines a person should know of: an executable in the plugin
	// directory that is not run, a state file that could not be read.
	Notes []string `json:"notes,omitempty"`
	// Update is what came of the last update of guestd; nil if there was none.
	Update *Update `json:"update,omitempty"`
}

// Update is how an update of guestd stands.
type Update struct {
	// ID is the platform's name for it.
	ID string `json:"id"`
	// From and Version are the versions of the old guestd and the new one.
	From    string       `json:"from"`
	Version string       `json:"version"`
	Status  UpdateStatus `json:"status"`
	// Message says why it was rolled back.
	Message string `json:"message,omitempty"`
}

// UpdateStatus is how an update of guestd stands.
type UpdateStatus string

// The states of an update.
const (
	// UpdateTrying is a new guestd that has not proved itself yet.
	UpdateTrying UpdateStatus = "trying"
	// UpdateConfirmed is one that reached the platform and has the old one's place.
	UpdateConfirmed UpdateStatus = "confirmed"
	// UpdateRolledBack is one that did not: the old one is the daemon again.
	UpdateRolledBack UpdateStatus = "rolled-back"
)

// Section is how one section stands.
type Section struct {
	Status Status `json:"status"`
	// Revision is the document revision this status speaks of.
	Revision uint64 `json:"revision"`
	// Message is one line a person can act on; empty when in sync.
	Message string `json:"message,omitempty"`
	// Actual is what was read from the machine.
	Actual json.RawMessage `json:"actual,omitempty"`
	// Changes are the summaries of what the last transaction changed; empty
	// when the section was already in sync.
	Changes []string  `json:"changes,omitempty"`
	Time    time.Time `json:"time"`
}
