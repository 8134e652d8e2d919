// Command absent stands in for a Windows command that the Windows lookalike
// does not provide. Wine carries programs of these names that accept anything,
// do nothing and report success; a caller must never take that for the truth.
// It goes under each command's name, refuses every use of it and exits 1.
package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

func main() { os.Exit(refuse(os.Args[0], os.Stderr)) }

// refuse says on w that the command of the given path is not provided, and
// returns the exit code.
func refuse(program string, w io.Writer) int {
	name := path.Base(strings.ReplaceAll(program, `\`, "/"))
	if strings.EqualFold(path.Ext(name), ".exe") {
		name = name[:len(name)-len(".exe")]
	}
	fmt.Fprintf(w, "%s: not provided in this Windows lookalike (Wine); nothing was done. Use a real Windows for this.\r\n", name)
	return 1
}
