// Package pfsense is the catalogue entry of pfSense CE.
package pfsense

import (
	"embed"
	"io/fs"

	"innkeeper/images/freebsd"
	"innkeeper/images/system"
)

//go:embed all:root setup.sh
var files embed.FS

// config is one line of PHP that prints the configured names.
const config = `require_once("config.inc"); echo config_get_path("system/hostname"), " ", config_get_path("system/domain"), "\n";`

// setZone is what the page General Setup does with a zone, in one line of PHP.
const setZone = `require_once("config.inc"); require_once("system.inc"); config_set_path("system/timezone", $argv[1]); write_config("General Setup"); system_timezone_configure();`

// System is pfSense CE 2.7.2. The lookalike has a Linux kernel beneath doubles
// of FreeBSD's commands and of pfSense's PHP; what it leaves unproven is in
// docs/systems-pfsense.md.
var System = system.System{
	Name:  "pfsense",
	Title: "pfSense",
	Lookalike: system.Recipe{
		GOOS: "linux", GOARCH: "amd64",
		Underneath: "Debian 13 userland with PHP and ntpsec's ntpd and Linux kernel (linux/amd64 guestd) under doubles of FreeBSD's commands and init and of pfSense's PHP includes",
		Packages:   []string{"busybox", "ntpsec", "php-cli", "php-xml", "tzdata"},
		Files:      files,
		Modes: map[string]fs.FileMode{
			"cf/conf/config.xml": 0o600,
		},
		Doubles: []system.Double{freebsd.Commands()},
		DiskMiB: 768,
		Trimmed: []string{
			"FreeBSD kernel and base system, packet filter, ZFS",
			"PHP includes but for the configuration, names, resolvers, time zone, logging of all services together, DHCP or static IPv4 interfaces and the default gateway",
			"web interface, console menu, packages, DNS resolver; of NTP all but the servers",
			"the DNS resolver is off and ssh is on from the start, with the lab's key",
		},
	},
	Vendor: []system.VendorImage{
		{
			Version: "2.7.2-RELEASE",
			URL:     "https://atxfiles.netgate.com/mirror/downloads/pfSense-CE-memstick-serial-2.7.2-RELEASE-amd64.img.gz",
			Format:  "img.gz", GOOS: "freebsd", GOARCH: "amd64",
			Notes: installNotes + " The vendor's checksum is beside the image (.sha256) and was not available to pin.",
		},
		{
			Version: "2.7.2-RELEASE (ISO)",
			URL:     "https://atxfiles.netgate.com/mirror/downloads/pfSense-CE-2.7.2-RELEASE-amd64.iso.gz",
			SHA256:  "883fb7bc64fe548442ed007911341dd34e178449f8156ad65f7381a02b7cd9e4",
			Format:  "iso.gz", GOOS: "freebsd", GOARCH: "amd64",
			Notes: installNotes + " The checksum is the one that public recipes pin for this file; the vendor's own was not fetched.",
		},
	},
	MemoryMiB: 512,
	Tools: system.Tools{
		Agent:     "/usr/local/guestd/guestd",
		PluginDir: "/usr/local/guestd/plugins",
		StateDir:  "/usr/local/guestd/state",
		Hostname: []system.Check{
			{
				Title:   "the configuration, by pfSense's PHP",
				Command: []string{"/usr/local/bin/php", "-r", config},
				Want:    `(?m)^{{name}} {{domain}}$`,
			},
			{Title: "config.xml itself", Command: []string{"cat", "/cf/conf/config.xml"}, Want: `<hostname>{{name}}</hostname>\s*<domain>{{domain}}</domain>`},
			{Title: "hostname(1)", Command: []string{"hostname"}, Want: `(?m)^{{fqdn}}$`},
			{Title: "the kernel, by sysctl(8)", Command: []string{"sysctl", "-n", "kern.hostname"}, Want: `(?m)^{{fqdn}}$`},
			// With DHCP's servers allowed to override, as on a new
			// installation, resolv.conf searches DHCP's domain, and a machine
			// with a WAN only is not in its own hosts: only this line has the
			// domain.
			{Title: "the domain in /etc/hosts", Command: []string{"cat", "/etc/hosts"}, Want: `(?m)^127\.0\.0\.1\s+localhost localhost\.{{domain}}$`},
		},
		HostnameFiles: []string{"/cf/conf/config.xml", "/etc/hosts"},
		Network:       system.Network{Managed: true, OneAddress: true, Lookup: system.NSS()},
		Logging: system.Logging{
			Write:   system.Logger(),
			Formats: map[string]string{"udp": "rfc5424"},
			Targets: 3,
			Files:   []string{"/cf/conf/config.xml", "/var/etc/syslog.d/pfSense.conf"},
		},
		Time: system.Time{
			Zone:    []string{"cat", "/var/db/zoneinfo"},
			SetZone: []string{"/usr/local/bin/php", "-r", setZone, "{{zone}}"},
			Follows: []string{"cat", "/var/etc/ntpd.conf"},
			Files:   []string{"/cf/conf/config.xml", "/var/db/zoneinfo", "/etc/localtime", "/var/etc/ntpd.conf"},
		},
		Service: system.Check{
			Title:   "a start script that pfSense runs, and the process",
			Command: []string{"sh", "-c", "ls /usr/local/etc/rc.d/*.sh && pgrep -o -x guestd"},
			Want:    `(?s)rc\.d/guestd\.sh\n.*\n?[0-9]+\s*$`,
		},
		RestartService: []string{"/usr/local/etc/rc.d/guestd.sh", "restart"},
		Processes:      []string{"ps", "axww", "-o", "pid,args"},
		SystemLog:      []string{"tail", "-n", "1000", "/var/log/system.log"},
		Reboot:         []string{"/etc/rc.reboot"},
	},
}

// installNotes say how the installer runs without a person, as others did it;
// it has not been run here.
const installNotes = "Installer over the serial console by expect: letter shortcuts instead of arrow keys, " +
	"the Last Chance dialogue defaults to NO, a virtio disk is vtbd0, a virtio-rng is needed. " +
	"Configuration without the web interface: a second disk, partitioned (MBR, one FAT slice), with /config.xml whose second line is <pfsense>; " +
	"detach it after the first start, it replaces the configuration at every one."
