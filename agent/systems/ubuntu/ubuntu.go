// Package ubuntu is Ubuntu: systemd, netplan, apt.
package ubuntu

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/osrelease"
	"innkeeper/agent/service"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/logging"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/packages"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/system"
)

// System is Ubuntu.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "ubuntu" }

// Layout implements system.System.
func (System) Layout() system.Layout { return system.LinuxLayout() }

// Sections implements system.System.
func (System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.SystemdShort(),
		"network":  network.Netplan(),
		"logging":  logging.Systemd(),
		"packages": packages.Apt(),
		"time":     clock.Ubuntu(),
	}
}

// Service implements system.System.
func (s System) Service(m guest.Machine) service.Service {
	return service.Systemd(m, s.Layout().Binary)
}

// Recognise implements system.System. The ID must be Ubuntu's own: Debian and
// what is made from Ubuntu differ in what each section touches.
func (System) Recognise(_ context.Context, m guest.Machine) error {
	r, err := osrelease.Read(m)
	switch {
	case err != nil:
		return system.ErrOther
	case r.ID() == "ubuntu":
		return nil
	case r.ID() == "ubuntu-core":
		return &system.RefusedError{Found: r.Title(), Why: "Ubuntu Core is made of snaps on a read-only system; guestd knows the classic Ubuntu Server"}
	case r.ID() == "debian":
		return &system.RefusedError{Found: r.Title(), Why: "of Debian's family guestd knows Ubuntu, whose network configuration Debian does not use"}
	case r.Like("ubuntu"):
		return &system.RefusedError{Found: r.Title(), Why: "it is made from Ubuntu, but guestd knows Ubuntu itself only"}
	}
	return system.ErrOther
}

// Version implements system.System.
func (System) Version(m guest.Machine) string {
	r, err := osrelease.Read(m)
	if err != nil {
		return ""
	}
	return r.Version()
}
