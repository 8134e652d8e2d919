//go:build unix

// Package dhclient doubles FreeBSD's dhclient(8) on top of busybox's udhcpc:
// the command line and the protocol between client and dhclient-script(8) are
// FreeBSD's, the DHCP is udhcpc's.
package dhclient

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"innkeeper/images/freebsd/getopt"
)

// What the event program learns from Run through the environment.
const (
	envScript = "DHCLIENT_SCRIPT"
	envLeases = "DHCLIENT_LEASES"
)

// eventPath is this program under the name that udhcpc calls.
const eventPath = "/usr/libexec/dhclient-event"

const usage = "usage: dhclient [-bdqu] [-c config-file] [-l lease-file] [-p pid-file] interface\n"

// Exec replaces the process, as syscall.Exec.
type Exec func(path string, argv, env []string) error

var scriptStatement = regexp.MustCompile(`(?m)^\s*script\s+"([^"]+)"\s*;`)

// Run is dhclient(8) below root with -b, -c, -d, -l, -p, -q and -u. Of a
// configuration file it knows the script statement. It goes to the background
// once it has a lease, or without one after ten seconds, and then keeps trying.
func Run(args []string, root string, replace Exec, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "bc:dl:p:qu")
	if err != nil {
		fmt.Fprintf(stderr, "dhclient: %v\n%s", err, usage)
		return 1
	}
	if len(operands) != 1 {
		fmt.Fprint(stderr, usage)
		return 1
	}
	nic := operands[0]
	leases := "/var/db/dhclient.leases." + nic
	pid := "/var/run/dhclient/dhclient." + nic + ".pid"
	script := "/sbin/dhclient-script"
	argv := []string{"udhcpc", "-i", nic, "-s", eventPath, "-t", "5", "-T", "2", "-A", "5"}
	background, atOnce := true, false
	for _, option := range options {
		switch option.Letter {
		case 'b':
			atOnce = true
		case 'c':
			text, err := os.ReadFile(filepath.Join(root, option.Argument))
			if err != nil {
				fmt.Fprintf(stderr, "dhclient: can't open %s: %v\n", option.Argument, err)
				return 1
			}
			if match := scriptStatement.FindSubmatch(text); match != nil {
				script = string(match[1])
			}
		case 'd':
			background = false
		case 'l':
			leases = option.Argument
		case 'p':
			pid = option.Argument
		case 'q', 'u': // udhcpc is quiet without -v, and passes on known options only
		default:
			fmt.Fprintf(stderr, "dhclient: option -%c is not built in this lookalike\n", option.Letter)
			return 64
		}
	}
	if _, err := os.Stat(filepath.Join(root, "/sys/class/net", nic)); err != nil {
		fmt.Fprintf(stderr, "%s: not found\nexiting.\n", nic)
		return 1
	}
	if running, other := alive(filepath.Join(root, pid)); running {
		fmt.Fprintf(stderr, "dhclient already running, pid: %d.\nexiting.\n", other)
		return 1
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, pid)), 0o755); err != nil {
		fmt.Fprintf(stderr, "dhclient: %v\n", err)
		return 1
	}
	argv = append(argv, "-p", pid)
	if atOnce {
		// udhcpc goes to the background after its first tries only.
		argv = append([]string{"sh", "-c", `"$@" </dev/null >/dev/null 2>&1 &`, "sh"}, append([]string{"busybox"}, append(argv, "-f")...)...)
	} else if background {
		argv = append(argv, "-b")
	} else {
		argv = append(argv, "-f")
	}
	env := append(os.Environ(), envScript+"="+script, envLeases+"="+leases)
	program := "/usr/bin/busybox"
	if atOnce {
		program = "/bin/sh"
	}
	if err := replace(program, argv, env); err != nil {
		fmt.Fprintf(stderr, "dhclient: udhcpc: %v\n", err)
	}
	return 1
}

// alive reads a pid file and says whether its process runs.
func alive(path string) (bool, int) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return false, 0
	}
	return syscall.Kill(pid, 0) == nil, pid
}
