// Package hostname doubles FreeBSD's hostname(1).
package hostname

import (
	"fmt"
	"io"
	"strings"

	"innkeeper/images/freebsd/getopt"
	"innkeeper/images/freebsd/kernel"
)

// maxLength is MAXHOSTNAMELEN of FreeBSD less the final zero; Linux beneath
// takes 64 bytes only (sethostname(2)), and says so itself.
const maxLength = 255

// Run is hostname(1): "hostname [-f] [-s | -d] [name-of-host]". -f, the whole
// name, is the default and cancels an earlier -s or -d; -s prints what stands
// before the first dot, -d what stands after it.
func Run(args []string, k kernel.Kernel, stdout, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "fsd")
	if err != nil {
		fmt.Fprintf(stderr, "hostname: %v\n", err)
	}
	if err != nil || len(operands) > 1 {
		fmt.Fprint(stderr, "usage: hostname [-f] [-s | -d] [name-of-host]\n")
		return 1
	}
	var short, domain bool
	for _, option := range options {
		switch option.Letter {
		case 'f':
			short, domain = false, false
		case 's':
			short = true
		case 'd':
			domain = true
		}
	}
	if short && domain {
		fmt.Fprint(stderr, "usage: hostname [-f] [-s | -d] [name-of-host]\n")
		return 1
	}
	if len(operands) == 1 {
		if len(operands[0]) > maxLength {
			fmt.Fprintln(stderr, "hostname: sethostname: File name too long")
			return 1
		}
		if err := k.SetHostname(operands[0]); err != nil {
			fmt.Fprintf(stderr, "hostname: sethostname: %v\n", err)
			return 1
		}
		return 0
	}
	name, err := k.Hostname()
	if err != nil {
		fmt.Fprintf(stderr, "hostname: gethostname: %v\n", err)
		return 1
	}
	label, rest, dotted := strings.Cut(name, ".")
	switch {
	case short:
		name = label
	case domain && dotted:
		name = rest
	case domain:
		name = ""
	}
	fmt.Fprintln(stdout, name)
	return 0
}
