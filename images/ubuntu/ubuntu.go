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
		Underneath: "Debian 13 userland and Linux kernel with the packages Ubuntu Server has; no doubles",
		Packages: []string{
			"dbus", "libnss-myhostname", "logrotate", "netplan.io", "rsyslog", "rsyslog-gnutls",
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
		Trimmed: append([]string{
			"cloud-init, snapd, AppArmor, unattended-upgrades, needrestart",
		}, trim.Summary...),
	},
	Vendor: []system.VendorImage{
		{
			Version: "24.04",
			URL:     "https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img",
			Format:  "qcow2", GOOS: "linux", GOARCH: "amd64",
			Notes: "cloud image; seeded by a NoCloud disc labelled cidata. Not pinned: the digest is in SHA256SUMS beside it and moves with each build.",
		},
		{
			Version: "26.04",
			URL:     "https://releases.ubuntu.com/resolute/ubuntu-26.04-live-server-amd64.iso",
			Format:  "iso", GOOS: "linux", GOARCH: "amd64",
			Notes: "server installer; autoinstall by ds=nocloud-net on the kernel command line. Not pinned: the digest is in SHA256SUMS beside it.",
		},
	},
	MemoryMiB: 512,
	Tools: system.Tools{
		Agent:     "/usr/local/sbin/guestd",
		PluginDir: "/usr/local/lib/guestd/plugins",
		StateDir:  "/var/lib/guestd",
		Hostname: []system.Check{
			{Title: "the static name, by hostnamectl", Command: []string{"hostnamectl", "--static"}, Want: `^{{name}}$`},
			{Title: "the kernel's name", Command: []string{"hostname"}, Want: `^{{name}}$`},
			{Title: "the full name, by hostname -f", Command: []string{"hostname", "--fqdn"}, Want: `^{{fqdn}}$`},
			{Title: "the name for the next boot", Command: []string{"cat", "/etc/hostname"}, Want: `^{{name}}$`},
			{
				Title:   "the machine's own address by name",
				Command: []string{"sh", "-c", `getent -s files hosts "$(hostname)"`},
				Want:    `^127\.0\.1\.1\s+{{fqdn}}\s+{{name}}\b`,
			},
		},
		HostnameFiles: []string{"/etc/hostname", "/etc/hosts"},
		Network:       system.Network{Managed: true, IPv6: true, Lookup: system.NSS()},
		Logging: system.Logging{
			Write:      system.Logger(),
			Formats:    map[string]string{"udp": "rfc5424", "tcp": "rfc5424", "tls": "rfc5424"},
			Facilities: true, Severity: true,
			Files: []string{"/etc/rsyslog.d/10-guestd.conf", "/etc/systemd/journald.conf.d/90-guestd.conf"},
		},
		Packages: system.Packages{
			Format:  "apt",
			Version: []string{"dpkg-query", "--show", "--showformat=${Version}"},
			Held:    []string{"apt-mark", "showhold"},
			Remove:  []string{"dpkg", "--remove"},
		},
		Time: system.Time{
			Zone:        []string{"timedatectl", "show", "--property=Timezone", "--value"},
			SetZone:     []string{"timedatectl", "set-timezone", "{{zone}}"},
			Follows:     []string{"timedatectl", "show-timesync", "--property=SystemNTPServers", "--value"},
			Corrections: []string{"step"},
			Files:       []string{"/etc/localtime", "/etc/timezone", "/etc/systemd/timesyncd.conf.d/90-guestd.conf"},
		},
		Service: system.Check{
			Title:   "systemd's word on guestd: enabled and running",
			Command: []string{"systemctl", "show", "--property=ActiveState,UnitFileState", "guestd.service"},
			Want:    `(?s)ActiveState=active\n.*UnitFileState=enabled`,
		},
		RestartService: []string{"systemctl", "restart", "guestd.service"},
		Processes:      []string{"ps", "axww", "-o", "pid,args"},
		SystemLog:      []string{"journalctl", "--no-pager", "--boot", "--lines=1000"},
		Reboot:         []string{"systemctl", "reboot"},
	},
}
