// Package freebsd holds what the FreeNAS and the pfSense lookalikes share:
// doubles of the few commands of FreeBSD's base system that the two need, as
// one program that is linked under each command's path. A change to a shared
// command is made here once.
package freebsd

import "innkeeper/images/system"

// CommandsPath is where the program with all commands lies in a guest.
const CommandsPath = "/usr/libexec/freebsd-base"

// Commands returns the doubles of the base system's commands. The paths are
// those of FreeBSD's hier(7); Debian's own programs at the same paths give way.
func Commands() system.Double {
	return system.Double{
		Package: "innkeeper/images/freebsd/doubles/base",
		Path:    CommandsPath,
		Links: []string{
			"/usr/bin/uname",
			"/usr/sbin/sysctl", "/usr/bin/hostname",
			"/usr/sbin/daemon", "/usr/sbin/service",
			"/usr/sbin/dhclient", "/usr/libexec/dhclient-event",
			"/usr/sbin/init", "/usr/sbin/shutdown", "/usr/sbin/reboot", "/usr/sbin/halt",
		},
	}
}
