// Package windows is Windows Server 2019 and later.
package windows

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/computername"
	"innkeeper/agent/mechanisms/w32time"
	"innkeeper/agent/service"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/system"
)

// System is Windows.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "windows" }

// Layout implements system.System.
func (System) Layout() system.Layout {
	return system.Layout{
		Binary:    `C:\Program Files\guestd\guestd.exe`,
		StateDir:  `C:\ProgramData\guestd`,
		PluginDir: `C:\Program Files\guestd\plugins`,
		LogFile:   `C:\ProgramData\guestd\guestd.log`,
		JoinFile:  `C:\ProgramData\guestd\join.json`,
	}
}

// Sections implements system.System.
func (s System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.Windows(computername.Local()),
		"time":     clock.Windows(w32time.Local(computername.Local()), s.Layout().StateDir+`\own-time-servers`),
	}
}

// Service implements system.System.
func (s System) Service(guest.Machine) service.Service {
	return service.Windows(s.Layout().Binary)
}

// Recognise implements system.System. Elsewhere the path is an ordinary name
// that nobody has.
func (System) Recognise(_ context.Context, m guest.Machine) error {
	if system.Exists(m, `C:\Windows\System32\kernel32.dll`) {
		return nil
	}
	return system.ErrOther
}

// Version implements system.System: major, minor and build, "10.0.20348". The
// names of releases are not in it, 2022 and 2025 differ by the build alone.
func (System) Version(guest.Machine) string { return version() }
