// Package base says what every lookalike stands on: one small Debian root file
// system, one kernel and one initrd, built once and shared. It holds only the
// recipe; package build carries it out.
package base

import (
	"embed"
	"io/fs"
)

// Suite is the Debian release of the base. It is a stable one: its packages
// stay what they are while a lookalike is developed.
const Suite = "trixie"

// Packages are installed over the essential ones. Every system's init comes
// with its own recipe.
var Packages = []string{
	"ca-certificates",
	"iproute2",
	"kmod",
	"netbase",
	"openssh-server",
	"procps",
}

// KernelPackage is the package that depends on the newest kernel for virtual
// machines. Only its kernel and modules are taken: a guest is booted from
// outside and needs neither boot loader nor initramfs tools.
const KernelPackage = "linux-image-cloud-amd64"

// Modules are loaded by the initrd, so that the root file system, the first
// network card and the entropy source are there whatever init a system has.
// The rest of what QEMU offers is built into Debian's cloud kernel (its
// /boot/config: VIRTIO_PCI, VIRTIO_CONSOLE, EXT4_FS, PACKET and IPV6 are y).
var Modules = []string{"virtio_blk", "virtio_net", "virtio-rng"}

// Init is the main package of the initrd's only program.
const Init = "innkeeper/images/base/initrd"

// KernelArgs begin the kernel command line of every lookalike. Without
// mitigations an emulated boot is 0.5 to 2 s faster; nothing foreign runs in
// the guests. CX16 is hidden from the kernel because QEMU 7.2's emulation of
// CMPXCHG16B leaves an operand's bits in the flags register (it takes the flags
// from a stale condition code), and the kernel's allocator uses it at every
// turn: seen as a double fault in __kmalloc with EFLAGS 05e7b7c2 and RAX
// ffff888005e7b780 within a minute of boot. The kernel's look for a broken timer
// is left out: it gives ten ticks the time of ten to come, and panics ("IO-APIC
// + timer doesn't work!", check_timer of arch/x86/kernel/apic/io_apic.c) when a
// busy machine emulates them later.
var KernelArgs = []string{"root=/dev/vda", "rw", "console=ttyS0", "quiet", "mitigations=off", "clearcpuid=cx16", "no_timer_check"}

// Excluded are paths that dpkg leaves out in every guest, for the size of the
// image. Copyright notices stay.
var Excluded = []string{
	"/usr/share/doc/*",
	"/usr/share/man/*",
	"/usr/share/info/*",
	"/usr/share/locale/*",
	"/usr/share/lintian/*",
	"/usr/share/bash-completion/*",
}

// Included are exceptions from Excluded.
var Included = []string{"/usr/share/doc/*/copyright"}

//go:embed all:root
var files embed.FS

// Files holds the folder "root" that is laid over the base.
func Files() fs.FS { return files }
