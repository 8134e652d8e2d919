// Package system says what an operating system is to the agent. Each package
// beside it is one; package systems finds out which of them this machine is.
package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/service"
	"innkeeper/agent/systems/section"
)

// System is one operating system: where guestd lies on it, by what mechanism
// each section is made true, and how guestd becomes a service of it.
type System interface {
	// Name is the word for it in documents and on command lines, "pfsense".
	Name() string
	// Recognise is nil if m is this system. It is ErrOther if m is nothing of
	// the kind, and a *RefusedError if it is a near relation of it on which
	// guestd would do harm.
	Recognise(ctx context.Context, m guest.Machine) error
	// Version is the version that the system gives of itself, or empty.
	Version(m guest.Machine) string
	// Layout is where guestd and its files lie.
	Layout() Layout
	// Sections are the built-in sections that can be managed here.
	Sections() map[string]section.Section
	// Service is guestd as a service of m.
	Service(m guest.Machine) service.Service
}

// Layout is where guestd and its files lie on a system.
type Layout struct {
	// Binary is guestd itself.
	Binary string
	// StateDir holds the journal and the accepted document.
	StateDir string
	// PluginDir holds third-party plugins.
	PluginDir string
	// LogFile is the agent's log.
	LogFile string
	// JoinFile says how the platform is reached.
	JoinFile string
}

// ErrOther says that a machine is no such system.
var ErrOther = errors.New("it is another system")

// RefusedError says that a machine is a relation of a known system on which
// guestd does not run.
type RefusedError struct {
	// Found names what was found, "Ubuntu Core 24".
	Found string
	// Why says what is different about it.
	Why string
}

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s is not supported: %s", e.Found, e.Why) }

// LinuxLayout is where guestd lies on Linux distributions: the places that the
// Filesystem Hierarchy Standard gives to what the owner installs.
func LinuxLayout() Layout {
	return Layout{
		Binary:    "/usr/local/sbin/guestd",
		StateDir:  "/var/lib/guestd",
		PluginDir: "/usr/local/lib/guestd/plugins",
		LogFile:   "/var/log/guestd.log",
		JoinFile:  "/var/lib/guestd/join.json",
	}
}

// ApplianceLayout is a layout with everything in one directory, for appliances
// that keep only a few of their directories.
func ApplianceLayout(dir string) Layout {
	return Layout{
		Binary:    dir + "/guestd",
		StateDir:  dir + "/state",
		PluginDir: dir + "/plugins",
		LogFile:   dir + "/guestd.log",
		JoinFile:  dir + "/state/join.json",
	}
}

// Uname is what uname(1) answers to an option, or empty if there is no uname.
func Uname(ctx context.Context, m guest.Machine, option string) string {
	out, err := guest.Output(ctx, m, "uname", option)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Exists says whether there is something at path.
func Exists(m guest.Machine, path string) bool {
	_, err := m.Stat(path)
	return err == nil
}
