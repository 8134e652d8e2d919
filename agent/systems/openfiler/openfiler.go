// Package openfiler is Openfiler 2.3 and 2.99, a storage appliance made from
// rPath Linux 2: sysvinit, /etc/sysconfig, conary.
package openfiler

import (
	"context"
	"regexp"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/service"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/logging"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/system"
)

// System is Openfiler.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "openfiler" }

// Layout implements system.System.
func (System) Layout() system.Layout { return system.LinuxLayout() }

// Sections implements system.System.
func (System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.Sysconfig(),
		"network":  network.Sysconfig(),
		"logging":  logging.Sysvinit(),
		"time":     clock.Openfiler(),
	}
}

// Service implements system.System.
func (s System) Service(m guest.Machine) service.Service {
	return service.Sysvinit(m, s.Layout().Binary)
}

// release is where Openfiler's web interface reads the product's name.
const release = "/etc/distro-release"

// Recognise implements system.System. /etc/redhat-release tells nothing here,
// it may be absent or another's.
func (System) Recognise(_ context.Context, m guest.Machine) error {
	b, err := m.ReadFile(release)
	if err == nil && strings.Contains(strings.ToLower(string(b)), "openfiler") {
		return nil
	}
	if system.Exists(m, "/opt/openfiler") && system.Exists(m, "/usr/bin/conary") {
		return nil
	}
	if err == nil && strings.Contains(string(b), "rPath") {
		return &system.RefusedError{Found: strings.TrimSpace(string(b)), Why: "of rPath's systems guestd knows Openfiler only"}
	}
	return system.ErrOther
}

var number = regexp.MustCompile(`\d+(\.\d+)+`)

// Version implements system.System.
func (System) Version(m guest.Machine) string {
	b, err := m.ReadFile(release)
	if err != nil {
		return ""
	}
	return number.FindString(string(b))
}
