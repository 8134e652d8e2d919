// Package system describes one guest operating system to the harness: how its
// lookalike is built, where the vendor's own image is, and how to ask the
// system's own tools what is true. A value of System is a catalogue entry;
// adding an operating system to the matrix is writing one.
package system

import "io/fs"

// Fidelity says how close to the real system an image is.
type Fidelity string

// The fidelities, from least to most.
const (
	// Lookalike is built offline from Debian packages and doubles.
	Lookalike Fidelity = "lookalike"
	// Vendor is the official image or installer of the system's vendor.
	Vendor Fidelity = "vendor"
)

// System is the catalogue entry of one guest operating system.
type System struct {
	// Name is the word used on the command line and as spec label, such as "pfsense".
	Name string
	// Title is the name people use, such as "pfSense".
	Title string
	// Lookalike is the offline recipe.
	Lookalike Recipe
	// Vendor lists the vendor's own images, newest first.
	Vendor []VendorImage
	// MemoryMiB is the guest's memory in MiB.
	MemoryMiB int
	// NICModel is the libvirt interface model, "virtio" if empty.
	NICModel string
	// Tools says how to reach and observe the system.
	Tools Tools
}

// Recipe builds a lookalike on top of the shared base.
type Recipe struct {
	// GOOS and GOARCH are the guestd build that runs in this image.
	GOOS, GOARCH string
	// Underneath says in the report what really runs, such as
	// "Debian 13 userland, Linux kernel, doubles of pfSense's PHP".
	Underneath string
	// Packages are Debian packages installed over the shared base.
	Packages []string
	// Suite is the Debian suite of extra packages, empty for the base's.
	Suite string
	// Files holds a folder "root" that is laid over the root file system and
	// an optional "setup.sh" that runs in it (chroot) afterwards, as root.
	// Modes come from the table Modes, else 0644 (0755 for files that begin
	// with "#!").
	Files fs.FS
	// Below holds files in the same form that several recipes share: they are
	// laid before Files, and their setup.sh runs first.
	Below fs.FS
	// Modes maps a path below "root" to its octal mode.
	Modes map[string]fs.FileMode
	// Masked are systemd units and generators that must not start (a link to
	// /dev/null takes their place), so that an emulated guest boots in seconds.
	// They count as Trimmed.
	Masked []string
	// Doubles are Go programs of this module built into the image.
	Doubles []Double
	// DiskMiB is the size of the root file system in MiB.
	DiskMiB int
	// KernelArgs are appended to the kernel command line (init=..., for one).
	KernelArgs []string
	// Trimmed lists, for the report, what a stock system has and this one not.
	Trimmed []string
}

// Double is a program that stands in for a command Debian does not carry.
type Double struct {
	// Package is the import path of the main package.
	Package string
	// Path is where it goes in the guest.
	Path string
	// GOOS is the target system, "linux" if empty.
	GOOS string
	// Links are further paths that become symbolic links to Path.
	Links []string
}

// VendorImage is an official image, pinned.
type VendorImage struct {
	Version string
	URL     string
	// SHA256 is the digest of the file at URL in hex, empty if the vendor's
	// was not available to pin (the entry is then not runnable, and says so).
	SHA256 string
	// Format is "qcow2", "iso", "img.gz", "raw.xz".
	Format string
	// GOOS and GOARCH are the guestd build for it.
	GOOS, GOARCH string
	// Notes says how the unattended installation goes.
	Notes string
}

// Tools says how the harness runs and checks things in a guest.
type Tools struct {
	// Exec is put before every argv that is meant for the system itself, such
	// as the runner of Windows programs in the Windows lookalike.
	Exec []string
	// Drive is the folder, as ssh and scp see it, that holds drive C: of a
	// Windows lookalike; empty where paths are the guest's own.
	Drive string
	// Agent is where guestd is put, in the system's own path syntax.
	Agent string
	// PluginDir is where third-party plugins go.
	PluginDir string
	// StateDir is where guestd keeps its state and its log (guestd.log).
	StateDir string
	// Hostname are the questions to the system's own tools whose answers must
	// agree with a host name that was set.
	Hostname []Check
	// HostnameFiles are the files whose content and time must not move when
	// the same name is set again, as ssh sees them.
	HostnameFiles []string
	// HostnameState prints what a write would change on a system that keeps
	// names in no file, run through Exec. It tells values, not times: what is
	// written again unchanged goes unseen there.
	HostnameState []string
	// Logging is the system's own log.
	Logging Logging
	// Time is the system's own clock.
	Time Time
	// Packages is the system's own package manager.
	Packages Packages
	// Network is the system's own network configuration.
	Network Network
	// Service is the command that says whether guestd runs as a service.
	Service Check
	// RestartService restarts guestd by the system's own means, as ssh runs it.
	RestartService []string
	// Processes prints the id and the command line of every process, one a
	// line, as ssh runs it.
	Processes []string
	// SystemLog prints the system's log for the evidence, as ssh runs it.
	SystemLog []string
	// Reboot reboots the guest, as ssh runs it.
	Reboot []string
}

// Check is a command and what its output must be.
type Check struct {
	// Title says what is asked, for the failure message.
	Title string
	// Command is the argv, run through Exec unless Raw.
	Command []string
	// Raw runs the command as ssh does, without Exec.
	Raw bool
	// AfterReboot asks only after the next reboot, for tools that tell the
	// name the system was started with.
	AfterReboot bool
	// Want is a regular expression (RE2, multi-line) that the output must
	// match, in which {{name}}, {{domain}} and {{fqdn}} are replaced by the
	// quoted values.
	Want string
}
