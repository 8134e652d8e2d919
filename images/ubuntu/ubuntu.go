// Package ubuntu is the catalogue entry of Ubuntu Server 24.04.
package ubuntu

import (
	"embed"
	"io/fs"

	"innkeeper/images/system"
	"innkeeper/images/trim"
)

//go:embed all:root setup.sh
var files embed.FS

// System is Ubuntu Server. The lookalike has Ubuntu's own tools as Debian
// carries them (netplan, systemd-networkd, systemd-resolved, rsyslog, apt).
var System = system.System{
	Name:  "ubuntu",
	Title: "Ubuntu",
	Lookalike: system.Recipe{
		GOOS: "linux", GOARCH: "amd64",
		Underneath: "Debian 13 userland and Linux kernel with the packages Ubuntu has, no doubles",
		Packages: []string{
			"dbus", "libnss-myhostname", "logrotate", "netplan.io", "rsyslog",
			"systemd", "systemd-resolved", "systemd-sysv", "systemd-timesyncd", "udev",
		},
		Below:  trim.Files,
		Masked: trim.Units,
		Files:  files,
		Modes: map[string]fs.FileMode{
			// netplan warns of configuration that others can read.
			"etc/netplan/50-cloud-init.yaml": 0o600,
		},
		DiskMiB:    1536,
		KernelArgs: trim.KernelArgs,
		Trimmed:    trim.Summary,
	},
	MemoryMiB: 512,
}
