// Command ifdown doubles ifdown(8) of Red Hat's initscripts; see package ifcfg.
package main

import (
	"os"

	"innkeeper/images/openfiler/ifcfg"
)

func main() { os.Exit(ifcfg.Real().Down(os.Args[1:])) }
