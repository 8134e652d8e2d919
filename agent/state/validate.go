package state

import (
	"bytes"
	"encoding/json"
	"errors"
)

// MaxSections is how many sections a document may have.
const MaxSections = 64

// validators are the sections whose values the agent itself can judge, before
// any plugin is asked. Those of third-party plugins are judged by their plugin.
var validators = map[string]func(raw json.RawMessage) error{
	"hostname": func(raw json.RawMessage) error {
		var h Hostname
		if err := DecodeSection("hostname", raw, &h); err != nil {
			return err
		}
		return h.Validate()
	},
	"logging": func(raw json.RawMessage) error {
		var l Logging
		if err := DecodeSection("logging", raw, &l); err != nil {
			return err
		}
		return l.Validate()
	},
	"network": func(raw json.RawMessage) error {
		var n Network
		if err := DecodeSection("network", raw, &n); err != nil {
			return err
		}
		return n.Validate()
	},
	"packages": func(raw json.RawMessage) error {
		var p Packages
		if err := DecodeSection("packages", raw, &p); err != nil {
			return err
		}
		return p.Validate()
	},
	"time": func(raw json.RawMessage) error {
		var t Time
		if err := DecodeSection("time", raw, &t); err != nil {
			return err
		}
		return t.Validate()
	},
}

// Validate says all that is wrong with the document, as an *InvalidError, or
// nil. It looks into every section it knows.
func (d Desired) Validate() error {
	ps := &problems{}
	if d.Revision == 0 {
		ps.add("revision", "is missing or 0; the first is 1")
	}
	if problem := idProblem(d.Guest); problem != "" {
		ps.add("guest", "%s", problem)
	}
	if d.Sections == nil {
		ps.add("sections", "is missing; an empty object manages nothing")
	}
	if len(d.Sections) > MaxSections {
		ps.add("sections", "has %d sections; at most %d are allowed", len(d.Sections), MaxSections)
	}
	for _, name := range sortedKeys(d.Sections) {
		validateSection(name, d.Sections[name], ps)
	}
	if s := d.ConfirmSeconds; s != 0 && (s < MinConfirmSeconds || s > MaxConfirmSeconds) {
		ps.add("confirm_seconds", "%d is not from %d to %d, or 0 for %d", s, MinConfirmSeconds, MaxConfirmSeconds, DefaultConfirmSeconds)
	}
	for _, name := range sortedKeys(d.Drift) {
		d.validateDrift(name, ps)
	}
	return ps.err()
}

func (d Desired) validateDrift(name string, ps *problems) {
	if _, managed := d.Sections[name]; !managed {
		ps.add("drift", "%s is not a section of this document", quoted(name))
		return
	}
	switch p := d.Drift[name]; p {
	case EnforceDrift, ReportDrift:
	default:
		ps.add(under("drift", name), "%s is neither %s nor %s", quoted(string(p)), EnforceDrift, ReportDrift)
	}
}

func validateSection(name string, raw json.RawMessage, ps *problems) {
	if !sectionName(name) {
		ps.add("sections", "%s is not a section's name: it needs 1 to 63 lower case letters, digits and inner hyphens, a letter first", quoted(name))
		return
	}
	if first := bytes.TrimLeft(raw, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		ps.add(name, "is not an object; to leave the section alone, leave it out")
		return
	}
	check := validators[name]
	if check == nil {
		return
	}
	var invalid *InvalidError
	if errors.As(check(raw), &invalid) {
		for _, p := range invalid.Problems {
			ps.add(p.Path, "%s", p.Message)
		}
	}
}

// sectionName is true for what may name a section: it becomes a file's name
// and a program's argument.
func sectionName(s string) bool {
	if s == "" || len(s) > 63 || s[len(s)-1] == '-' {
		return false
	}
	for i, c := range []byte(s) {
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// idProblem says why s is not a guest's id, or nothing. An id becomes a part
// of a message subject, so it has no dots, spaces or wildcards.
func idProblem(s string) string {
	if s == "" {
		return "is missing"
	}
	if len(s) > 64 {
		return quoted(s) + " is longer than 64 bytes"
	}
	for _, c := range s {
		if !letterOrDigit(c) && c != '-' && c != '_' {
			return quoted(s) + " has a character that is not allowed in a guest's id: " + quoted(string(c))
		}
	}
	return ""
}

func letterOrDigit(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
