// Command chkconfig doubles chkconfig(8) of Red Hat's systems, which says in
// which run levels a service of /etc/rc.d/init.d starts.
//
// It follows chkconfig.c and leveldb.c of fedora-sysv/chkconfig: the grammar of
// its options, its messages and exit statuses, the headers it reads in a
// script, and the links it makes. Left out, as nothing here has them: services
// of xinetd, and the files of --override, of which there are none.
package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

func main() {
	t := tool{dir: "/etc/rc.d", out: os.Stdout, err: os.Stderr, runLevel: runLevel}
	os.Exit(t.run(os.Args[1:]))
}

// tool is the program with what it touches.
type tool struct {
	// dir holds init.d and rc0.d to rc6.d.
	dir      string
	out, err io.Writer
	// runLevel is the current one, and whether it is known.
	runLevel func() (int, bool)
}

// runLevel asks runlevel(8), which answers "N 3".
func runLevel() (int, bool) {
	out, err := exec.Command("/sbin/runlevel").Output()
	if err != nil {
		return 0, false
	}
	_, now, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	n, err := strconv.Atoi(now)
	return n, err == nil
}
