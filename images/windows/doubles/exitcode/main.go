// Command exitcode runs a Windows program and says its exit code in full on
// standard error, since the Linux beneath the lookalike sees only the lowest
// eight bits: msiexec's 3010 (restart needed) would be 194. It ends with the
// program's code, or with 255 where those eight bits alone would read as 0.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: exitcode PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	c := exec.Command(os.Args[1], os.Args[2:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "exitcode:", err)
		os.Exit(1)
	}
	code := uint32(c.ProcessState.ExitCode())
	fmt.Fprintf(os.Stderr, "exit code %d\n", code)
	os.Exit(int(visible(code)))
}

// visible is the exit code whose lowest eight bits are 0 only for success.
func visible(code uint32) uint32 {
	if code != 0 && code&0xff == 0 {
		return 255
	}
	return code
}
