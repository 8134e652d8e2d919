// Package kernelname reads and sets the name by which the running kernel knows
// the machine. It does not last over a restart.
package kernelname

import (
	"context"
	"strings"

	"innkeeper/agent/guest"
)

// Command is hostname(1), at the same path in every Linux distribution and BSD.
const Command = "/bin/hostname"

// Read is the kernel's name.
func Read(ctx context.Context, m guest.Machine) (string, error) {
	// Linux tells it without a process.
	if b, err := m.ReadFile("/proc/sys/kernel/hostname"); err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	out, err := guest.Output(ctx, m, Command)
	return strings.TrimSpace(string(out)), err
}

// Set gives the kernel another name.
func Set(ctx context.Context, m guest.Machine, name string) error {
	_, err := guest.Output(ctx, m, Command, name)
	return err
}
