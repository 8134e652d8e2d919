//go:build unix

// Command base is the doubles of FreeBSD's base commands in one program, told
// apart by the name they are called by, as crunchgen(1) makes them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"innkeeper/images/freebsd"
	"innkeeper/images/freebsd/daemon"
	"innkeeper/images/freebsd/dhclient"
	"innkeeper/images/freebsd/hostname"
	"innkeeper/images/freebsd/initd"
	"innkeeper/images/freebsd/kernel"
	"innkeeper/images/freebsd/power"
	"innkeeper/images/freebsd/service"
	"innkeeper/images/freebsd/sysctl"
	"innkeeper/images/freebsd/syslogd"
	"innkeeper/images/freebsd/uname"
)

func main() { os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:])) }

func run(name string, args []string) int {
	switch name {
	case "init":
		if err := initd.Boot(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return 1
	case "daemon":
		return daemon.Run(args, "/usr/sbin/daemon", os.Stderr)
	case "syslogd":
		return syslogd.Program(args, freebsd.CommandsPath, os.Stderr)
	case "service":
		return service.Run(args, "/", os.Stdout, os.Stderr)
	case "shutdown":
		return power.Shutdown(args, power.Init, os.Stdout, os.Stderr)
	case "reboot", "halt":
		return power.Now(name, args, power.Init, os.Stderr)
	case "dhclient":
		return dhclient.Run(args, "/", syscall.Exec, os.Stderr)
	case "dhclient-event":
		return dhclient.Event(args, "/", os.Getenv, syscall.Exec, os.Stderr)
	}
	k, err := kernel.Load("/")
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	switch name {
	case "uname":
		return uname.Run(args, k, os.Stdout, os.Stderr)
	case "sysctl":
		return sysctl.Run(args, k, os.Stdout, os.Stderr)
	case "hostname":
		return hostname.Run(args, k, os.Stdout, os.Stderr)
	default:
		fmt.Fprintf(os.Stderr, "%s: this program has no command of that name\n", name)
		return 1
	}
}
