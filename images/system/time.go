package system

import "slices"

// Time says how a system's own tools tell and set its zone, and what the system
// can do about NTP servers.
type Time struct {
	// Zone prints the name of the zone in force, run through Exec. Without it,
	// the section is not supported.
	Zone []string
	// Names are the system's own names of zones, by IANA's; those that are not
	// here have IANA's.
	Names map[string]string
	// Offset prints how far the local time is from UTC, run through Exec, and
	// OffsetFormat is that as the system has it, with %d in the place of the
	// minutes by which UTC is later. Without them it is date(1)'s %z.
	Offset       []string
	OffsetFormat string
	// SetZone sets the zone that is put in the place of {{zone}}, as an owner
	// does by hand, run through Exec.
	SetZone []string
	// Follows prints the servers that the clock follows, run through Exec;
	// without it, none can be chosen.
	Follows []string
	// Corrections are the ways of a correction that can be chosen ("step",
	// "slew").
	Corrections []string
	// Files are the files whose content and time must not move when the same
	// is chosen again, as ssh sees them.
	Files []string
}

// ByHand is the argv of SetZone for one zone.
func (t Time) ByHand(zone string) []string {
	argv := slices.Clone(t.SetZone)
	for i, word := range argv {
		if word == "{{zone}}" {
			argv[i] = t.Name(zone)
		}
	}
	return argv
}

// Name is the system's own name of a zone.
func (t Time) Name(zone string) string {
	if name, ok := t.Names[zone]; ok {
		return name
	}
	return zone
}
