package clock

import (
	"context"

	"innkeeper/agent/mechanisms/ntpcontrol"
)

// Asking has a section's ntpd tell a status.
func Asking(s Section, status ntpcontrol.Status) Section {
	ask := func(context.Context) (ntpcontrol.Status, error) { return status, nil }
	switch b := s.Backend.(type) {
	case freenas:
		b.ask = ask
		s.Backend = b
	case pfsense:
		b.ask = ask
		s.Backend = b
	case openfiler:
		b.ask = ask
		s.Backend = b
	default:
		panic("this system asks no ntpd")
	}
	return s
}
