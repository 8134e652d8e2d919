// Package systems knows the operating systems that guestd keeps, and finds out
// on which of them it runs.
package systems

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/osrelease"
	"innkeeper/agent/systems/centos"
	"innkeeper/agent/systems/freenas"
	"innkeeper/agent/systems/openfiler"
	"innkeeper/agent/systems/pfsense"
	"innkeeper/agent/systems/system"
	"innkeeper/agent/systems/ubuntu"
	"innkeeper/agent/systems/windows"
)

// System is one operating system.
type System = system.System

// Layout is where guestd and its files lie on a system.
type Layout = system.Layout

// All returns the systems in the order in which they are tried. Appliances
// come before the distributions they were made from.
func All() []System {
	return []System{
		windows.System{},
		freenas.System{},
		pfsense.System{},
		openfiler.System{},
		ubuntu.System{},
		centos.System{},
	}
}

// detectTime bounds the few short commands that detection runs.
const detectTime = 20 * time.Second

// UnknownError says that a machine is none of the known systems.
type UnknownError struct {
	// Found is what the machine says it is.
	Found string
	// Reasons are those of the systems that are related to it.
	Reasons []string
}

// Error implements error.
func (e *UnknownError) Error() string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name())
	}
	if len(e.Reasons) > 0 {
		return strings.Join(e.Reasons, "; ") + " (supported are " + strings.Join(names, ", ") + ")"
	}
	return fmt.Sprintf("%s is not a system that guestd keeps; those are %s", e.Found, strings.Join(names, ", "))
}

// Detect finds out which system m is. It runs on any machine and changes
// nothing. On a machine that is none of them the error is an *UnknownError.
func Detect(m guest.Machine) (System, error) {
	ctx, cancel := context.WithTimeout(context.Background(), detectTime)
	defer cancel()
	unknown := &UnknownError{}
	for _, s := range All() {
		err := s.Recognise(ctx, m)
		if err == nil {
			return s, nil
		}
		var refused *system.RefusedError
		switch {
		case errors.As(err, &refused):
			unknown.Reasons = append(unknown.Reasons, refused.Error())
		case !errors.Is(err, system.ErrOther):
			return nil, fmt.Errorf("find out whether this is %s: %w", s.Name(), err)
		}
	}
	unknown.Found = found(ctx, m)
	return nil, unknown
}

// found is what a machine that is none of ours says of itself.
func found(ctx context.Context, m guest.Machine) string {
	if r, err := osrelease.Read(m); err == nil && r.Title() != "" {
		return r.Title()
	}
	if out, err := guest.Output(ctx, m, "uname", "-sr"); err == nil {
		if s := strings.TrimSpace(string(out)); s != "" {
			return s
		}
	}
	return "this machine"
}
