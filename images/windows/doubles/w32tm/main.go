// Command w32tm is the double of Windows' w32tm.exe, by "Windows Time service
// tools and settings" of Microsoft's reference: /config with a list of peers and
// whom to follow, /query, /resync and /tz on the own machine; the rest is
// refused. As "w32tm service" it is the service itself, which Windows has in a
// library of svchost.
package main

import (
	"fmt"
	"os"

	"innkeeper/images/windows/w32time"
)

func main() {
	var err error
	if len(os.Args) == 2 && os.Args[1] == "service" {
		err = serve()
	} else {
		var r w32time.Request
		if r, err = w32time.Parse(os.Args[1:]); err == nil {
			err = do(r)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\r\n", err)
		os.Exit(1)
	}
}
