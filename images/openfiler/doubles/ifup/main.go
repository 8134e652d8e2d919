// Command ifup doubles ifup(8) of Red Hat's initscripts; see package ifcfg.
package main

import (
	"os"

	"innkeeper/images/openfiler/ifcfg"
)

func main() { os.Exit(ifcfg.Real().Up(os.Args[1:])) }
