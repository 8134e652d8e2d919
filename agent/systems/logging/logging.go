// Package logging is the section "logging" of the desired document: which of a
// machine's files or settings say where its log goes, system by system.
package logging

import (
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
)

// Section is the section on one system.
type Section = places.Section[state.Logging]

// on is the section on the system of a backend. A tls target that shows a wrong
// certificate is an error even if nothing is to be changed: nothing arrives
// there, and no log daemon says so but in its log.
func on(b places.Backend[state.Logging]) Section {
	return Section{Name: "logging", Backend: b, Validate: state.Logging.Validate, Verify: askPeers}
}

// sends says whether a log daemon has to run.
func sends(l state.Logging) bool { return len(l.Targets) > 0 }
