// Package pfsense is pfSense: FreeBSD under PHP functions that own the
// configuration, one XML file.
package pfsense

import (
	"context"
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

// System is pfSense.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "pfsense" }

// Layout implements system.System. /var and /tmp may be in memory.
func (System) Layout() system.Layout { return system.ApplianceLayout("/usr/local/guestd") }

// Sections implements system.System.
func (s System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.PFSense(),
		"logging":  logging.PFSense(),
		"network":  network.PFSense(),
		"time":     clock.PFSense(s.Layout().StateDir + "/own-time-servers"),
	}
}

// Service implements system.System.
func (s System) Service(m guest.Machine) service.Service {
	return service.PFSense(m, s.Layout().Binary)
}

const (
	configFile  = "/cf/conf/config.xml"
	versionFile = "/etc/version"
)

// Recognise implements system.System.
func (System) Recognise(ctx context.Context, m guest.Machine) error {
	b, err := m.ReadFile(configFile)
	if err != nil {
		b, err = m.ReadFile("/conf/config.xml")
	}
	if system.Exists(m, "/usr/local/opnsense") || err == nil && rootElement(b) == "opnsense" {
		return &system.RefusedError{Found: "OPNsense", Why: "it was made from pfSense, but is configured in other ways"}
	}
	if err != nil || rootElement(b) != "pfsense" || !system.Exists(m, "/etc/inc/globals.inc") {
		return system.ErrOther
	}
	if kernel := system.Uname(ctx, m, "-s"); kernel != "FreeBSD" {
		return system.ErrOther
	}
	return nil
}

// rootElement is the name of the first element of an XML text.
func rootElement(b []byte) string {
	s := string(b[:min(len(b), 4096)])
	for {
		_, after, ok := strings.Cut(s, "<")
		if !ok {
			return ""
		}
		if after != "" && after[0] != '?' && after[0] != '!' {
			end := strings.IndexAny(after, " \t\r\n/>")
			if end < 0 {
				return ""
			}
			return after[:end]
		}
		s = after
	}
}

// Version implements system.System: "2.7.2" of "2.7.2-RELEASE".
func (System) Version(m guest.Machine) string {
	b, err := m.ReadFile(versionFile)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSpace(string(b)), "-RELEASE")
}
