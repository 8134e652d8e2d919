// Package clock is the section "time" of the desired document: a machine's zone
// and the NTP servers that its clock follows, system by system.
package clock

import (
	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/zoneinfo"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Section is the section on one system.
type Section = places.Section[state.Time]

// on is the section on the system of a backend. Servers have names, for which
// the network has to be there.
func on(b places.Backend[state.Time]) Section {
	return Section{Name: "time", Backend: b, Validate: state.Time.Validate, After: []string{"network"}}
}

// follows says whether an NTP daemon has to run.
func follows(t state.Time) bool { return len(t.Servers) > 0 }

func unsupported(path, format string, args ...any) error {
	return section.Errorf(section.Unsupported, path, format, args...)
}

// knowsZone refuses a zone that the machine has no file of.
func knowsZone(m guest.Machine, t state.Time) error {
	if t.Zone == "" {
		return nil
	}
	known, err := zoneinfo.Known(m, t.Zone)
	if err == nil && !known {
		err = section.Errorf(section.Invalid, "time.zone", "%q is not a zone that this machine knows; those it knows are the files below %s", t.Zone, zoneinfo.Dir)
	}
	return err
}
