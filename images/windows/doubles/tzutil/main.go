// Command tzutil is the double of Windows' tzutil.exe, by the grammar of
// "tzutil" in Microsoft's Windows Commands reference
// (learn.microsoft.com/windows-server/administration/windows-commands/tzutil).
// It knows the zones that the registry has, keeps the one in force there as
// Windows does, and gives the Linux beneath, by whose clock Wine goes, a zone
// made of the same rule.
package main

import (
	"fmt"
	"os"
)

func main() {
	r, err := parse(os.Args[1:])
	if err == nil {
		err = do(r)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\r\n", err)
		os.Exit(1)
	}
}

func do(r request) error {
	switch r.action {
	case get:
		return show()
	case set:
		return choose(r.zone)
	case list:
		return all()
	}
	fmt.Print(usage)
	return nil
}
