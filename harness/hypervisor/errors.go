package hypervisor

import (
	"errors"
	"fmt"
	"strings"
)

// ErrOwned says that a daemon's folder belongs to a process that lives.
var ErrOwned = errors.New("it belongs to a process that is still running")

// ErrLost says that the connection to libvirt ended, so that nothing more can
// be known of its domains.
var ErrLost = errors.New("the connection to libvirt is gone")

// GuestError is the guest's fault: it did not boot, did not answer, stopped.
type GuestError struct {
	// Domain is the guest's domain, Op what was being done.
	Domain, Op string
	Err        error
	// Console is what the guest wrote to its serial console.
	Console []byte
}

// consoleTail is how much of a console an error shows, in bytes.
const consoleTail = 8 << 10

func (e *GuestError) Error() string {
	console := e.Console
	if len(console) > consoleTail {
		console = console[len(console)-consoleTail:]
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(console), "?"))
	if text == "" {
		text = "(nothing)"
	}
	return fmt.Sprintf("guest %s: %s: %v; its console says:\n%s", e.Domain, e.Op, e.Err, text)
}

func (e *GuestError) Unwrap() error { return e.Err }

// HostError is ours: libvirt, QEMU or the machine they run on.
type HostError struct {
	Op  string
	Err error
	// Look says what to look at or to do.
	Look string
}

func (e *HostError) Error() string {
	if e.Look == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %v; %s", e.Op, e.Err, e.Look)
}

func (e *HostError) Unwrap() error { return e.Err }
