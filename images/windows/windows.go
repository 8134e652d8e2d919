// Package windows is the catalogue entry of Windows Server. Its lookalike runs
// the windows/amd64 guestd as a service of Wine's service manager.
package windows

import (
	"embed"

	"innkeeper/images/system"
)

//go:embed all:root setup.sh
var files embed.FS

const (
	// prefix is where Wine keeps drive C: and the registry in the lookalike.
	prefix = "/var/lib/wine"
	// wine pins the version that setup.sh corrects and trims.
	wine = "10.0~repack-6"
	// doubles is where the programs of this folder are imported from.
	doubles = "innkeeper/images/windows/doubles/"
	// programs is where Windows programs wait to be linked into drive C:.
	programs = "/usr/local/lib/windows/"
)

// System is Windows Server.
var System = system.System{
	Name:      "windows",
	Title:     "Windows Server",
	MemoryMiB: 512,
	Lookalike: system.Recipe{
		GOOS: "windows", GOARCH: "amd64",
		Underneath: "Wine 10.0 on Debian 13 userland and Linux kernel, doubles of shutdown, tzutil and w32tm with its service",
		Packages: []string{
			"binutils", "libwine=" + wine, "udhcpc", "wine64=" + wine,
		},
		Files:   files,
		DiskMiB: 1024,
		// Wine returns to Windows code by iretq in user mode. QEMU 7.2's TCG
		// reads its stack as the kernel would, which SMAP forbids: the kernel
		// reports a page fault and kills the process. The kernel heeds the last
		// clearcpuid only, so that of the base (cx16) is said again.
		KernelArgs: []string{"clearcpuid=cx16,smap"},
		Doubles: []system.Double{
			{Package: doubles + "winname", Path: "/usr/local/sbin/winname"},
			{Package: doubles + "winpower", Path: "/usr/local/sbin/winpower"},
			{Package: doubles + "winrun", Path: "/usr/local/sbin/winrun"},
			{Package: doubles + "absent", Path: programs + "absent.exe", GOOS: "windows"},
			{Package: doubles + "exitcode", Path: programs + "exitcode.exe", GOOS: "windows"},
			{Package: doubles + "shutdown", Path: programs + "shutdown.exe", GOOS: "windows"},
			{Package: doubles + "tzutil", Path: programs + "tzutil.exe", GOOS: "windows"},
			{Package: doubles + "w32tm", Path: programs + "w32tm.exe", GOOS: "windows"},
		},
		Trimmed: []string{
			"Wine's graphics, sound, browser, desktop programs and their Linux libraries",
			"32-bit programs (WoW64)",
			"commands Wine would only pretend to have (netsh, wevtutil, powershell, dism, schtasks, icacls and others): they refuse",
			"Debian's init, service manager and journal: busybox starts what Wine and ssh need",
			"Wine's Plug and Play and Event Log services start on demand only",
		},
	},
	Vendor: []system.VendorImage{
		{
			Version: "2025 evaluation",
			URL:     "https://software-static.download.prss.microsoft.com/dbazure/888969d5-f34g-4e03-ac9d-1f9786c66749/26100.1742.240906-0331.ge_release_svc_refresh_SERVER_EVAL_x64FRE_en-us.iso",
			SHA256:  "d0ef4502e350e3c6c53c15b1b3020d38a5ded011bf04998e950720ac8579b23d",
			Format:  "iso",
			GOOS:    "windows", GOARCH: "amd64",
			Notes: unattended,
		},
		{
			Version: "2022 evaluation",
			URL:     "https://software-static.download.prss.microsoft.com/sg/download/888969d5-f34g-4e03-ac9d-1f9786c66749/SERVER_EVAL_x64FRE_en-us.iso",
			SHA256:  "3e4fa6d8507b554856fc9ca6079cc402df11a8b79344871669f0251535255325",
			Format:  "iso",
			GOOS:    "windows", GOARCH: "amd64",
			Notes: unattended,
		},
	},
	Tools: system.Tools{
		Exec:      []string{"winrun"},
		Drive:     prefix + "/drive_c",
		Agent:     `C:\Program Files\guestd\guestd.exe`,
		PluginDir: `C:\Program Files\guestd\plugins`,
		StateDir:  `C:\ProgramData\guestd`,
		// A new name is stored at once and used from the next start; the
		// NetBIOS form is in capitals and at most 15 characters long.
		Hostname: []system.Check{
			{
				Title:   "the name stored for the next start",
				Command: []string{"reg", "query", `HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`, "/v", "ComputerName"},
				Want:    `(?i)^\s*ComputerName\s+REG_SZ\s+{{name}}\s*$`,
			},
			{
				Title:   "the DNS domain stored for the next start",
				Command: []string{"reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`},
				Want:    `(?i)^\s*(NV )?Domain\s+REG_SZ\s+{{domain}}\s*$`,
			},
			{
				Title:       "hostname",
				Command:     []string{"hostname"},
				AfterReboot: true,
				Want:        `(?i)^{{name}}\s*$`,
			},
			{
				Title:       "ipconfig's host name",
				Command:     []string{"ipconfig", "/all"},
				AfterReboot: true,
				Want:        `(?i)^\s*Host ?name[ .]*: {{name}}\s*$`,
			},
			{
				Title:       "ipconfig's DNS suffix",
				Command:     []string{"ipconfig", "/all"},
				AfterReboot: true,
				Want:        `(?i)^\s*Primary DNS suffix[ .]*: {{domain}}\s*$`,
			},
		},
		HostnameState: []string{"reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`},
		Time: system.Time{
			Zone:         []string{"tzutil", "/g"},
			Names:        map[string]string{"Asia/Kolkata": "India Standard Time", "Pacific/Marquesas": "Marquesas Standard Time"},
			SetZone:      []string{"tzutil", "/s", "{{zone}}"},
			Offset:       []string{"w32tm", "/tz"},
			OffsetFormat: "Bias: %dmin (UTC=LocalTime+Bias)",
			Follows:      []string{"reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\W32Time\Parameters`, "/v", "NtpServer"},
			Files:        []string{"/etc/localtime"}, // of the Debian beneath
		},
		Service: system.Check{
			Title:   "the service manager's word on guestd",
			Command: []string{"sc", "query", "guestd"},
			Want:    `^\s*STATE\s*:\s*4\s+RUNNING\s*$`,
		},
		RestartService: []string{"sh", "-c", "winrun net stop guestd && winrun net start guestd"},
		// A Windows program is a process of the Debian beneath, too.
		Processes: []string{"ps", "axww", "-o", "pid,args"},
		// Wine keeps no event log: what there is are the words of the Debian
		// beneath and of Wine's server.
		SystemLog: []string{"tail", "-n", "400", "/var/log/messages"},
		Reboot:    []string{"winrun", "shutdown", "/r", "/t", "0"},
	},
}

// unattended says how the evaluation images are installed.
const unattended = `Autounattend.xml on a second CD; the virtio drivers of virtio-win.iso named in its DriverPaths; ` +
	`OpenSSH from the Win32-OpenSSH MSI (2022) or as installed (2025); ends after 180 days.`
