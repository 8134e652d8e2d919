//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// crash ends the program by a signal, as a fault in C code does. The Go
// runtime would turn a real fault into a panic with exit status 2.
func crash() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// detach has a command run in a session of its own.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
