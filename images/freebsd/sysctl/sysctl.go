// Package sysctl doubles the part of FreeBSD's sysctl(8) that reads a system's
// identity and sets its host name.
package sysctl

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"innkeeper/images/freebsd/getopt"
	"innkeeper/images/freebsd/kernel"
)

// Run is sysctl(8) with -a, -e, -i, -n, -q and names with or without
// "=value". The remaining documented options are refused as not built, with
// exit status 64, so that nobody takes their silence for success.
func Run(args []string, k kernel.Kernel, stdout, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "AabB:def:hiNnoqtTWwxXl")
	if err != nil {
		fmt.Fprintf(stderr, "sysctl: %v\n", err)
		return usage(stderr)
	}
	p := printer{stdout: stdout}
	var all, ignore, quiet bool
	for _, option := range options {
		switch option.Letter {
		case 'a':
			all = true
		case 'e':
			p.equals = true
		case 'i':
			ignore = true
		case 'n':
			p.bare = true
		case 'q':
			quiet = true
		case 'w': // compatibility: ignored since FreeBSD 4
		default:
			fmt.Fprintf(stderr, "sysctl: option -%c is not built in this lookalike\n", option.Letter)
			return 64
		}
	}
	if all && len(operands) == 0 {
		for _, name := range names {
			value, _ := read(name, k)
			p.print(name, value)
		}
		return 0
	}
	if len(operands) == 0 {
		return usage(stderr)
	}
	code := 0
	for _, operand := range operands {
		name, value, set := strings.Cut(operand, "=")
		old, known := read(name, k)
		switch {
		case !known:
			if ignore {
				continue
			}
			if !quiet {
				fmt.Fprintf(stderr, "sysctl: unknown oid '%s'\n", name)
			}
			code = 1
		case !set:
			p.print(name, old)
		case name != "kern.hostname":
			fmt.Fprintf(stderr, "sysctl: oid '%s' is read only\n", name)
			code = 1
		default:
			if err := k.SetHostname(value); err != nil {
				fmt.Fprintf(stderr, "sysctl: %s=%s: %v\n", name, value, err)
				code = 1
				continue
			}
			p.print(name, old+" -> "+value)
		}
	}
	return code
}

func usage(stderr io.Writer) int {
	fmt.Fprint(stderr, "usage: sysctl [-bdehiNnoqTtWx] [ -B <bufsize> ] [-f filename] name[=value] ...\n"+
		"       sysctl [-bdehNnoqTtWx] [ -B <bufsize> ] -a\n")
	return 1
}

type printer struct {
	stdout       io.Writer
	bare, equals bool
}

func (p printer) print(name, value string) {
	switch {
	case p.bare:
		fmt.Fprintln(p.stdout, value)
	case p.equals:
		fmt.Fprintf(p.stdout, "%s=%s\n", name, value)
	default:
		fmt.Fprintf(p.stdout, "%s: %s\n", name, value)
	}
}

// names are the variables there are, in the order -a prints them.
var names = []string{
	"kern.ostype", "kern.osrelease", "kern.version", "kern.hostname", "kern.osreldate",
	"kern.ident", "hw.machine", "hw.ncpu", "hw.machine_arch",
}

func read(name string, k kernel.Kernel) (string, bool) {
	switch name {
	case "kern.ostype":
		return k.OSType, true
	case "kern.osrelease":
		return k.OSRelease, true
	case "kern.osreldate":
		return k.OSRelDate, true
	case "kern.version":
		return k.Version, true
	case "kern.ident":
		return k.Ident, true
	case "kern.hostname":
		host, err := k.Hostname()
		return host, err == nil
	case "hw.machine", "hw.machine_arch":
		return k.Machine, true
	case "hw.ncpu":
		return strconv.Itoa(runtime.NumCPU()), true
	default:
		return "", false
	}
}
