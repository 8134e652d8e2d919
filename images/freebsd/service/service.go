// Package service doubles FreeBSD's service(8).
package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"

	"innkeeper/images/freebsd/getopt"
)

// directories hold rc scripts, in the order in which service(8) looks.
var directories = []string{"/etc/rc.d", "/usr/local/etc/rc.d"}

const usage = `Usage:

service [-j <jail name or id>] -e
service [-j <jail name or id>] -R
service [-j <jail name or id>] [-v] -l | -r
service [-j <jail name or id>] [-v] <rc.d script> start|stop|etc.
service -h
`

// Run is service(8): it runs an rc script below root with the bare environment
// that scripts see at boot, or lists them with -l. The options -e, -j, -r and
// -R are refused with exit status 64, because this lookalike has no rcorder(8).
func Run(args []string, root string, stdout, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "j:ehlrRv")
	if err != nil {
		fmt.Fprintf(stderr, "service: %v\n%s", err, usage)
		return 1
	}
	var list, verbose bool
	for _, option := range options {
		switch option.Letter {
		case 'h':
			fmt.Fprint(stdout, usage)
			return 0
		case 'l':
			list = true
		case 'v':
			verbose = true
		default:
			fmt.Fprintf(stderr, "service: option -%c is not built in this lookalike\n", option.Letter)
			return 64
		}
	}
	if list {
		printList(root, stdout)
		return 0
	}
	if len(operands) < 2 {
		fmt.Fprint(stderr, usage)
		return 1
	}
	name := operands[0]
	for _, directory := range directories {
		path := filepath.Join(root, directory, name)
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			continue
		}
		if verbose {
			fmt.Fprintf(stdout, "%s is located in %s\n", name, directory)
		}
		cmd := exec.Command(path, operands[1:]...)
		cmd.Env = []string{"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"}
		cmd.Dir = "/"
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
		return status(cmd.Run(), stderr)
	}
	fmt.Fprintf(stderr, "%s does not exist in /etc/rc.d or the local startup\n"+
		"directories (/usr/local/etc/rc.d), or is not executable\n", name)
	return 1
}

func printList(root string, stdout io.Writer) {
	var names []string
	for _, directory := range directories {
		entries, _ := os.ReadDir(filepath.Join(root, directory)) // a directory may be absent
		for _, entry := range entries {
			if !entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintln(stdout, name)
	}
}

func status(err error, stderr io.Writer) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintf(stderr, "service: %v\n", err)
		return 1
	}
}
