//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// becomes says whether a process can become another program.
const becomes = true

// become makes this process the program that has its executable's name now
// (execve(2)): to the service manager nothing has changed.
func become(executable string) error {
	return fmt.Errorf("become the new guestd: %w", syscall.Exec(executable, os.Args, os.Environ()))
}
