package state

import (
	"slices"
	"strings"
)

// Time is the desired value of the section "time": what a machine's clock shows
// and whom it follows.
type Time struct {
	// Zone is a name of IANA's time zone database, "Europe/Rome"; empty leaves
	// the zone as it is.
	Zone string `json:"zone,omitempty"`
	// Servers are the NTP servers that the clock follows, DNS names or IP
	// addresses; none leaves it to the system's own.
	Servers []string `json:"servers,omitempty"`
	// Correction says how a clock that is wrong is put right: at once (TimeStep)
	// or by running faster or slower for a while (TimeSlew). Empty leaves it to
	// the system. It needs Servers.
	Correction string `json:"correction,omitempty"`
}

// TimeActual is what a machine reports of the section "time".
type TimeActual struct {
	Time
	// Source is the server that the clock was last corrected by, as the system
	// names it; empty if none has answered yet.
	Source string `json:"source,omitempty"`
	// OffsetSeconds is how far the clock was from the source's when it was last
	// compared, in seconds and without a sign; nil if it never was.
	OffsetSeconds *float64 `json:"offset_seconds,omitempty"`
}

// The ways of a correction.
const (
	TimeStep = "step"
	TimeSlew = "slew"
)

// MaxTimeServers is how many NTP servers there may be.
const MaxTimeServers = 10

// Validate says all that is wrong with the section, as an *InvalidError, or
// nil. Whether the machine knows the zone is for its driver to say.
func (t Time) Validate() error {
	ps := &problems{}
	if problem := zoneProblem(t.Zone); t.Zone != "" && problem != "" {
		ps.add("time.zone", "%s", problem)
	}
	if len(t.Servers) > MaxTimeServers {
		ps.add("time.servers", "has %d servers; at most %d are allowed", len(t.Servers), MaxTimeServers)
	}
	for i, s := range t.Servers {
		path := at("time.servers", i)
		first := slices.IndexFunc(t.Servers[:i], func(o string) bool { return strings.EqualFold(o, s) })
		switch problem := hostProblem(s); {
		case s == "":
			ps.add(path, "is empty")
		case problem != "":
			ps.add(path, "%s", problem)
		case first >= 0:
			ps.add(path, "is the same server as %s", at("time.servers", first))
		}
	}
	switch {
	case t.Correction == "":
	case t.Correction != TimeStep && t.Correction != TimeSlew:
		ps.add("time.correction", "%s is not %s or %s", quoted(t.Correction), TimeStep, TimeSlew)
	case len(t.Servers) == 0:
		ps.add("time.correction", "is for a clock that follows time.servers; give some")
	}
	return ps.err()
}

// maxZone bounds a zone's name. The longest of IANA's has 32 characters.
const maxZone = 64

// zoneProblem says why s cannot be a zone's name, or nothing. A name becomes a
// path below the machine's zone files, so each of its parts is judged by
// itself; what parts may hold is said in the file theory.html of IANA's
// database.
func zoneProblem(s string) string {
	if len(s) > maxZone {
		return quoted(clip(s, maxZone)) + " is longer than the name of any zone"
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || !letterOrDigit(rune(part[0])) {
			return quoted(s) + " is not a zone's name, like Europe/Rome"
		}
		for _, c := range part {
			if !letterOrDigit(c) && !strings.ContainsRune("_+-", c) {
				return quoted(s) + " has a character that no zone's name has: " + quoted(string(c))
			}
		}
	}
	return ""
}
