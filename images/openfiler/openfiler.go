// Package openfiler is the catalogue entry of Openfiler 2.99.
package openfiler

import (
	"embed"

	"innkeeper/images/system"
)

//go:embed all:root setup.sh
var files embed.FS

const doubles = "innkeeper/images/openfiler/doubles/"

// System is Openfiler. The lookalike starts as it does (sysvinit, rc.sysinit,
// /etc/sysconfig, ifcfg files); chkconfig, service, ifup and ifdown are
// doubles.
var System = system.System{
	Name:  "openfiler",
	Title: "Openfiler",
	Lookalike: system.Recipe{
		GOOS: "linux", GOARCH: "amd64",
		Underneath: "Debian 13 userland and Linux kernel with sysvinit, ntpsec's ntpd, run levels as in Red Hat's systems, doubles of chkconfig, service, ifup and ifdown",
		Packages: []string{
			"iputils-arping", "isc-dhcp-client", "logrotate", "net-tools", "ntpsec", "rsyslog", "sysvinit-core",
		},
		Files: files,
		Doubles: []system.Double{
			{Package: doubles + "chkconfig", Path: "/sbin/chkconfig"},
			{Package: doubles + "service", Path: "/sbin/service"},
			{Package: doubles + "ifup", Path: "/sbin/ifup"},
			{Package: doubles + "ifdown", Path: "/sbin/ifdown"},
		},
		DiskMiB: 1024,
		Trimmed: []string{
			"the web interface, conary and the storage services",
			"udev, terminals other than ssh",
			"documentation and translations",
		},
	},
	Vendor: []system.VendorImage{{
		Version: "2.99.1",
		URL:     "https://sourceforge.net/projects/openfiler/files/openfiler-distribution-iso-2.99-x64/openfileresa-2.99.1-x86_64-disc1.iso",
		Format:  "iso", GOOS: "linux", GOARCH: "amd64",
		Notes: "rPath's anaconda; kickstart unproven, else text mode by key strokes. Its Linux 2.6.32 is older than current Go supports. Not pinned: no digest of the vendor's is known.",
	}},
	MemoryMiB: 512,
	Tools: system.Tools{
		Agent:     "/usr/local/sbin/guestd",
		PluginDir: "/usr/local/lib/guestd/plugins",
		StateDir:  "/var/lib/guestd",
		Hostname: []system.Check{
			{Title: "the kernel's name", Command: []string{"hostname"}, Want: `^{{fqdn}}$`},
			{Title: "the domain, by hostname -d", Command: []string{"hostname", "-d"}, Want: `^{{domain}}$`},
			{Title: "the short name, by hostname -s", Command: []string{"hostname", "-s"}, Want: `^{{name}}$`},
			{Title: "the name for the next boot", Command: []string{"cat", "/etc/sysconfig/network"}, Want: `^HOSTNAME="?{{fqdn}}"?$`},
			{
				Title:   "the machine's own address by name",
				Command: []string{"sh", "-c", `getent hosts "$(hostname)"`},
				Want:    `^[0-9a-f.:]+\s+{{fqdn}}\b`,
			},
		},
		HostnameFiles: []string{"/etc/sysconfig/network", "/etc/hosts"},
		Network:       system.Network{Managed: true, Lookup: system.NSS()},
		Logging: system.Logging{
			Write:      system.Logger(),
			Formats:    map[string]string{"udp": "rfc5424", "tcp": "rfc5424"},
			Facilities: true, Severity: true,
			Files: []string{"/etc/rsyslog.conf"},
		},
		Time: system.Time{
			Zone: []string{"sh", "-c", ". /etc/sysconfig/clock; echo \"$ZONE\""},
			SetZone: []string{
				"sh", "-c", `sed -i "s|^ZONE=.*|ZONE=\"$0\"|" /etc/sysconfig/clock && cp --remove-destination "/usr/share/zoneinfo/$0" /etc/localtime`,
				"{{zone}}",
			},
			Follows:     []string{"cat", "/etc/ntp.conf"},
			Corrections: []string{"step", "slew"},
			Files:       []string{"/etc/sysconfig/clock", "/etc/localtime", "/etc/ntp.conf", "/etc/ntp/step-tickers"},
		},
		Service: system.Check{
			Title:   "guestd on at run level 3, and running",
			Command: []string{"sh", "-c", "chkconfig --list guestd && service guestd status"},
			Want:    `(?s)^guestd\s.*3:on.*is running`,
		},
		RestartService: []string{"service", "guestd", "restart"},
		Processes:      []string{"ps", "axww", "-o", "pid,args"},
		SystemLog:      []string{"tail", "-n", "1000", "/var/log/messages"},
		Reboot:         []string{"shutdown", "-r", "now"},
	},
}
