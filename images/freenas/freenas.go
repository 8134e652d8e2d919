// Package freenas is the catalogue entry of FreeNAS, today TrueNAS CORE 13.0.
package freenas

import (
	"embed"

	"innkeeper/images/freebsd"
	"innkeeper/images/system"
)

//go:embed all:root setup.sh
var files embed.FS

// System is TrueNAS CORE. The lookalike has a Linux kernel beneath doubles of
// FreeBSD's commands and of the middleware; what it leaves unproven is in
// docs/systems-freenas.md.
var System = system.System{
	Name:  "freenas",
	Title: "FreeNAS (TrueNAS CORE)",
	Lookalike: system.Recipe{
		GOOS: "linux", GOARCH: "amd64",
		Underneath: "Debian 13 userland and Linux kernel (linux/amd64 guestd) with ntpsec's ntpd under doubles of FreeBSD's commands and init, middlewared and midclt",
		Packages:   []string{"busybox", "ntpsec", "syslog-ng-core", "tzdata"},
		Files:      files,
		Doubles: []system.Double{
			freebsd.Commands(),
			{Package: "innkeeper/images/freenas/doubles/middlewared", Path: "/usr/local/bin/middlewared"},
			{Package: "innkeeper/images/freenas/doubles/midclt", Path: "/usr/local/bin/midclt"},
		},
		DiskMiB: 768,
		Trimmed: []string{
			"FreeBSD kernel and base system, ZFS boot environments and pools",
			"the middleware but for the network configuration, interfaces and VLANs, static routes, syslog, time zone, NTP servers, init tasks and identity",
			"web interface, sharing services; of syslog-ng's many files three; certificate authorities",
			"ssh is on from the start, with the lab's key",
		},
	},
	Vendor: []system.VendorImage{
		{
			Version: "13.3-RELEASE",
			URL:     "https://download-core.sys.truenas.net/13.3/STABLE/RELEASE/x64/TrueNAS-13.3-RELEASE.iso",
			Format:  "iso", GOOS: "freebsd", GOARCH: "amd64",
			Notes: installNotes + " The vendor's checksum is beside the image (.sha256) and was not available to pin.",
		},
		{
			Version: "13.0-U6.2",
			URL:     "https://download-core.sys.truenas.net/13.0/STABLE/U6.2/x64/TrueNAS-13.0-U6.2.iso",
			Format:  "iso", GOOS: "freebsd", GOARCH: "amd64",
			Notes: installNotes + " The vendor's checksum is beside the image (.sha256) and was not available to pin.",
		},
		{
			Version: "12.0-U7",
			URL:     "https://download.freenas.org/12.0/STABLE/U7/x64/TrueNAS-12.0-U7.iso",
			SHA256:  "b584020dcce3a2281876be24b0c48a5d6641b787967ccd269028ff72e4a96065",
			Format:  "iso", GOOS: "freebsd", GOARCH: "amd64",
			Notes: installNotes + " The checksum is the one that public recipes pin for this file; the vendor's own was not fetched.",
		},
	},
	MemoryMiB: 512,
	Tools: system.Tools{
		Agent:     "/data/guestd/guestd",
		PluginDir: "/data/guestd/plugins",
		StateDir:  "/data/guestd/state",
		Hostname: []system.Check{
			{
				Title:   "the middleware's configuration",
				Command: []string{"midclt", "call", "network.configuration.config"},
				Want:    `"hostname": "{{name}}", "domain": "{{domain}}"`,
			},
			{Title: "hostname(1)", Command: []string{"hostname"}, Want: `(?m)^{{fqdn}}$`},
			{Title: "the kernel, by sysctl(8)", Command: []string{"sysctl", "-n", "kern.hostname"}, Want: `(?m)^{{fqdn}}$`},
			{Title: "the names of this machine in /etc/hosts", Command: []string{"cat", "/etc/hosts"}, Want: `(?m)^127\.0\.0\.1\s+{{fqdn}} {{name}}$`},
			{Title: "the domain in /etc/resolv.conf", Command: []string{"cat", "/etc/resolv.conf"}, Want: `(?m)^domain {{domain}}$`},
		},
		// /etc/resolv.conf is not here: the DHCP client, too, has it written.
		HostnameFiles: []string{"/data/freenas-v1.db", "/etc/hosts", "/etc/rc.conf.freenas"},
		Network:       system.Network{Managed: true, OneLease: true, IPv6: true, Lookup: system.NSS()},
		Logging: system.Logging{
			Write:    system.Logger(),
			Formats:  map[string]string{"udp": "rfc3164", "tcp": "rfc3164"},
			Targets:  1,
			Severity: true,
			Files:    []string{"/data/freenas-v1.db", "/etc/local/syslog-ng.conf"},
		},
		Time: system.Time{
			Zone:    []string{"cat", "/var/db/zoneinfo"},
			SetZone: []string{"sh", "-c", `midclt call system.general.update "{\"timezone\":\"$0\"}"`, "{{zone}}"},
			Follows: []string{"cat", "/etc/ntp.conf"},
			Files:   []string{"/data/freenas-v1.db", "/etc/ntp.conf", "/etc/localtime", "/var/db/zoneinfo"},
		},
		Service: system.Check{
			Title: "an enabled init task of the middleware's, and the process",
			Command: []string{
				"sh", "-c",
				`midclt call initshutdownscript.query '[["command","rin","guestd"],["when","=","POSTINIT"]]' && pgrep -o -x guestd`,
			},
			Want: `(?s)"enabled": true.*\n[0-9]+\s*$`,
		},
		// An init task has no restart of its own: daemon(8) starts again what ends.
		RestartService: []string{"pkill", "-o", "-x", "guestd"},
		Processes:      []string{"ps", "axww", "-o", "pid,args"},
		SystemLog:      []string{"tail", "-n", "1000", "/var/log/messages", "/var/log/middlewared.log"},
		Reboot:         []string{"shutdown", "-r", "now"},
	},
}

// installNotes say how the installer runs without a person, as read from its
// install.sh; it has not been run here.
const installNotes = "8 GiB of memory. On the serial console choose 2 Shell in the installer and type " +
	"SWAP_IS_SAFE=NO /etc/install.sh -P 'PASSWORD' -X halt vtbd0 (ada0 on an emulated disk). " +
	"Choose the serial entry in the boot menu, it is kept. ssh is off afterwards: on the console " +
	`midclt call ssh.update '{"rootlogin":true}', service.update ssh '{"enable":true}', service.start ssh.`
