//go:build unix

// Package power doubles FreeBSD's shutdown(8), reboot(8) and halt(8).
package power

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"innkeeper/images/freebsd/getopt"
)

// The signals by which init(8) of FreeBSD takes a machine down in order.
const (
	Reboot   = syscall.SIGINT
	Halt     = syscall.SIGUSR1
	PowerOff = syscall.SIGUSR2
)

// Signal sends a signal to init. Tests put their own in its place.
type Signal func(syscall.Signal) error

// Init signals process 1.
func Init(sig syscall.Signal) error { return syscall.Kill(1, sig) }

const shutdownUsage = `usage: shutdown [-] [-c | -f | -h | -p | -r | -k] [-o [-n]] [-q] time [warning-message ...]
       poweroff
`

// Shutdown is shutdown(8) with -h, -p, -r and the time "now" or "+0". Other
// times, and the options that keep a machine from an orderly end, are refused
// with exit status 64.
func Shutdown(args []string, send Signal, stdout, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "cfhknopqr")
	if err != nil {
		fmt.Fprintf(stderr, "shutdown: %v\n%s", err, shutdownUsage)
		return 1
	}
	var chosen []syscall.Signal
	for _, option := range options {
		switch option.Letter {
		case 'h':
			chosen = append(chosen, Halt)
		case 'p':
			chosen = append(chosen, PowerOff)
		case 'r':
			chosen = append(chosen, Reboot)
		default:
			fmt.Fprintf(stderr, "shutdown: option -%c is not built in this lookalike\n", option.Letter)
			return 64
		}
	}
	if len(chosen) > 1 {
		fmt.Fprintf(stderr, "shutdown: incompatible switches -c, -f, -h, -k, -n, -o, -p and -r\n%s", shutdownUsage)
		return 1
	}
	if len(operands) == 0 {
		fmt.Fprint(stderr, shutdownUsage)
		return 1
	}
	if operands[0] != "now" && operands[0] != "+0" {
		fmt.Fprintf(stderr, "shutdown: the time %q is not built in this lookalike, only now\n", operands[0])
		return 64
	}
	if len(chosen) == 0 {
		fmt.Fprintln(stderr, "shutdown: single user mode is not built in this lookalike")
		return 64
	}
	fmt.Fprintf(stdout, "Shutdown NOW!\nshutdown: [pid %d]\n", os.Getpid())
	if err := send(chosen[0]); err != nil {
		fmt.Fprintf(stderr, "shutdown: signal init: %v\n", err)
		return 1
	}
	return 0
}

// Now is reboot(8) and halt(8), by the name given. The real ones take the
// machine down themselves, without the shutdown scripts, as long as it is not
// asked politely; this one leaves it to init, with them.
func Now(name string, args []string, send Signal, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "cDde:fk:lNnpqr")
	if err != nil || len(operands) > 0 {
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
		}
		fmt.Fprintf(stderr, "usage: %s [-cDflNnpqr] [-e name=value] [-k kernel]\n", name)
		return 1
	}
	sig := Reboot
	if name == "halt" {
		sig = Halt
	}
	for _, option := range options {
		switch option.Letter {
		case 'p':
			sig = PowerOff
		case 'l': // not to be logged: nothing is
		default:
			fmt.Fprintf(stderr, "%s: option -%c is not built in this lookalike\n", name, option.Letter)
			return 64
		}
	}
	if err := send(sig); err != nil {
		fmt.Fprintf(stderr, "%s: signal init: %v\n", name, err)
		return 1
	}
	return 0
}
