package main

import (
	"os"
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
