// Package centos is CentOS 7 and CentOS Stream: systemd, NetworkManager, rpm.
package centos

import (
	"context"
	"strings"

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

// System is CentOS.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "centos" }

// Layout implements system.System.
func (System) Layout() system.Layout { return system.LinuxLayout() }

// Sections implements system.System.
func (System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.SystemdFull(),
		"network":  network.NetworkManager(),
		"logging":  logging.Systemd(),
		"packages": packages.Dnf(),
		"time":     clock.CentOS(),
	}
}

// Service implements system.System.
func (s System) Service(m guest.Machine) service.Service {
	return service.Systemd(m, s.Layout().Binary)
}

// Recognise implements system.System.
func (System) Recognise(_ context.Context, m guest.Machine) error {
	r, err := osrelease.Read(m)
	switch {
	case err != nil:
		return system.ErrOther
	case r.ID() == "centos" && strings.HasPrefix(r.Version(), "6"):
		return &system.RefusedError{Found: r.Title(), Why: "guestd knows CentOS 7 and later"}
	case r.ID() == "centos":
		return nil
	case r.ID() == "rhel", r.ID() == "fedora", r.Like("rhel"), r.Like("centos"), r.Like("fedora"):
		return &system.RefusedError{Found: r.Title(), Why: "it is a relation of CentOS, but guestd knows CentOS itself only"}
	}
	return system.ErrOther
}

// Version implements system.System: the number, with " Stream" where it is.
func (System) Version(m guest.Machine) string {
	r, err := osrelease.Read(m)
	if err != nil {
		return ""
	}
	if strings.Contains(r["NAME"], "Stream") {
		return "Stream " + r.Version()
	}
	return r.Version()
}
