// Package centos is the catalogue entry of CentOS Stream 9.
package centos

import (
	"embed"
	"io/fs"

	"innkeeper/images/system"
	"innkeeper/images/trim"
)

//go:embed all:root setup.sh
var files embed.FS

// System is CentOS Stream. The lookalike has CentOS' own tools as Debian
// carries them (NetworkManager with keyfiles, dnf and rpm, chrony, rsyslog).
var System = system.System{
	Name:  "centos",
	Title: "CentOS",
	Lookalike: system.Recipe{
		GOOS: "linux", GOARCH: "amd64",
		Underneath: "Debian 13 userland and Linux kernel with the packages CentOS Stream 9 has; no doubles",
		Packages: []string{
			"chrony", "dbus", "dnf", "libnss-myhostname", "logrotate", "network-manager", "rpm",
			"rsyslog", "rsyslog-gnutls", "systemd", "systemd-sysv", "udev",
		},
		Below:  trim.Files,
		Masked: append([]string{"chrony.service", "ssh.service", "NetworkManager-wait-online.service"}, trim.Units...),
		Files:  files,
		Modes: map[string]fs.FileMode{
			// NetworkManager ignores a profile that others can read (nm-settings-keyfile(5)).
			"etc/NetworkManager/system-connections/eth0.nmconnection": 0o600,
		},
		DiskMiB: 1536,
		// As CentOS' cloud images have it: the first card is eth0.
		KernelArgs: append([]string{"net.ifnames=0"}, trim.KernelArgs...),
		Trimmed: append([]string{
			"cloud-init, SELinux, firewalld, tuned, Cockpit, polkit's agent",
			"an rpm database of the installed programs: they are Debian's packages",
		}, trim.Summary...),
	},
	Vendor: []system.VendorImage{
		{
			Version: "Stream 10",
			URL:     "https://cloud.centos.org/centos/10-stream/x86_64/images/CentOS-Stream-GenericCloud-10-20250512.0.x86_64.qcow2",
			Format:  "qcow2", GOOS: "linux", GOARCH: "amd64",
			Notes: "cloud image; seeded by a NoCloud disc labelled cidata; needs an x86-64-v3 processor. Not pinned: its digest is beside it.",
		},
		{
			Version: "Stream 9",
			URL:     "https://cloud.centos.org/centos/9-stream/x86_64/images/CentOS-Stream-GenericCloud-9-latest.x86_64.qcow2",
			Format:  "qcow2", GOOS: "linux", GOARCH: "amd64",
			Notes: "cloud image; seeded by a NoCloud disc labelled cidata; needs an x86-64-v2 processor. Not pinned: the name is that of the newest build.",
		},
		{
			Version: "7",
			URL:     "https://cloud.centos.org/centos/7/images/CentOS-7-x86_64-GenericCloud-2009.qcow2",
			Format:  "qcow2", GOOS: "linux", GOARCH: "amd64",
			Notes: "cloud image; seeded by a NoCloud disc labelled cidata. Not pinned: its digest is in sha256sum.txt beside it (it begins e38bab04).",
		},
	},
	MemoryMiB: 512,
	Tools: system.Tools{
		Agent:     "/usr/local/sbin/guestd",
		PluginDir: "/usr/local/lib/guestd/plugins",
		StateDir:  "/var/lib/guestd",
		Hostname: []system.Check{
			{Title: "the static name, by hostnamectl", Command: []string{"hostnamectl", "--static"}, Want: `^{{fqdn}}$`},
			{Title: "the kernel's name", Command: []string{"hostname"}, Want: `^{{fqdn}}$`},
			{Title: "the short name, by hostname -s", Command: []string{"hostname", "--short"}, Want: `^{{name}}$`},
			{Title: "the full name, by hostname -f", Command: []string{"hostname", "--fqdn"}, Want: `^{{fqdn}}$`},
			{Title: "the name NetworkManager knows", Command: []string{"nmcli", "general", "hostname"}, Want: `^{{fqdn}}$`},
			{Title: "the name for the next boot", Command: []string{"cat", "/etc/hostname"}, Want: `^{{fqdn}}$`},
			{
				Title:   "the machine's own address by name",
				Command: []string{"sh", "-c", `getent -s files hosts "$(hostname)"`},
				Want:    `^[0-9a-f.:]+\s+{{fqdn}}\b`,
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
			Format:  "yum",
			Version: []string{"rpm", "--query", "--queryformat", "%{VERSION}"},
			Held:    []string{"sed", "-n", "s/^excludepkgs=//p", "/etc/dnf/dnf.conf"},
			Remove:  []string{"rpm", "--erase"},
		},
		Time: system.Time{
			Zone:        []string{"timedatectl", "show", "--property=Timezone", "--value"},
			SetZone:     []string{"timedatectl", "set-timezone", "{{zone}}"},
			Follows:     []string{"chronyc", "-N", "sources"},
			Corrections: []string{"step", "slew"},
			Files:       []string{"/etc/localtime", "/etc/chrony.conf"},
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
