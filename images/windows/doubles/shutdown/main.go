// Command shutdown is the double of Windows' shutdown.exe. It knows restart,
// power off and abort on the own machine, by the grammar of "shutdown" in
// Microsoft's Windows Commands reference
// (learn.microsoft.com/windows-server/administration/windows-commands/shutdown),
// and refuses the rest. What it is asked for happens to the guest: it leaves a
// request that winpower of the Linux beneath carries out.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"innkeeper/images/windows/beneath"
)

const (
	// requestFile and pendingFile are files of the Linux beneath, reached
	// through Wine's name for its root.
	requestFile = `\\?\unix\run\winpower\request`
	pendingFile = `\\?\unix\run\winpower\pending`
)

func main() {
	r, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\r\n", err)
		os.Exit(1)
	}
	if code := ask(r); code != 0 {
		os.Exit(code)
	}
}

// ask hands the request over and returns the exit code: 0, or the Windows
// system error code of the refusal.
func ask(r request) int {
	_, err := os.Stat(pendingFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "%v\r\n", err)
		return 1
	}
	pending := err == nil
	switch {
	case r.action == abort && !pending:
		fmt.Fprint(os.Stderr, "Unable to abort the system shutdown because no shutdown was in progress.(1116)\r\n")
		return 1116
	case r.action != abort && pending:
		fmt.Fprint(os.Stderr, "A system shutdown has already been scheduled.(1190)\r\n")
		return 1190
	}
	if err := beneath.Ask(requestFile, r.String()); err != nil {
		fmt.Fprintf(os.Stderr, "%v\r\n", err)
		return 1
	}
	return 0
}
