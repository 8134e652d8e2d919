package main

import (
	"os"
	"os/exec"
	"syscall"
)

// crash ends the program with the status of an access violation
// (STATUS_ACCESS_VIOLATION), as a fault in C code does.
func crash() {
	h, err := syscall.GetCurrentProcess()
	if err == nil {
		_ = syscall.TerminateProcess(h, 0xC0000005)
	}
	os.Exit(5)
}

// detach has a command run without the console of its parent.
func detach(cmd *exec.Cmd) {
	const detachedProcess = 0x8
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP}
}
