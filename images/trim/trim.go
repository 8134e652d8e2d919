// Package trim says what the lookalikes with systemd leave out, so that six of
// them boot under emulation in the time a person waits for. No behaviour of
// the agent needs any of it.
package trim

import "embed"

// Files are laid below a recipe's own: drop-ins that make the services which
// stay cheaper to start.
//
//go:embed all:root setup.sh
var Files embed.FS

// KernelArgs leave security modules out: systemd loads a BPF program of a
// second's work where it finds their hook. AppArmor goes with them.
var KernelArgs = []string{"lsm=capability"}

// Units are masked in every lookalike that runs systemd. Each costs one or
// more processes at boot: under emulation 20 to 100 ms.
var Units = []string{
	// Logins and terminals: guests are reached by ssh.
	"console-getty.service", "getty.target", "getty-static.service", "serial-getty@ttyS0.service",
	"systemd-ask-password-console.path", "systemd-ask-password-wall.path",
	"systemd-user-sessions.service",
	"systemd-getty-generator", "systemd-ssh-generator", "sshd-unix-local.socket",
	// File systems and modules nobody uses here.
	"dev-hugepages.mount", "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount",
	"run-lock.mount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount",
	"sys-kernel-tracing.mount", "tmp.mount", "kmod-static-nodes.service", "systemd-modules-load.service",
	"systemd-binfmt.service", "systemd-remount-fs.service",
	"systemd-debug-generator", "systemd-fstab-generator", "systemd-gpt-auto-generator",
	"systemd-hibernate-resume-generator", "systemd-rc-local-generator", "systemd-run-generator",
	"systemd-system-update-generator", "systemd-sysv-generator", "systemd-tpm2-generator",
	// Work for a machine's first boot or a change of its packages: the image is
	// built with it done.
	"ldconfig.service", "systemd-firstboot.service", "systemd-hwdb-update.service",
	"systemd-journal-catalog-update.service", "systemd-machine-id-commit.service", "systemd-sysusers.service",
	"systemd-update-done.service", "systemd-tmpfiles-setup-dev.service", "systemd-tmpfiles-setup-dev-early.service",
	"systemd-random-seed.service", "systemd-hibernate-clear.service",
	// Measured boot, extensions, credentials.
	"systemd-creds.socket", "systemd-pcrextend.socket", "systemd-pcrlock.socket", "systemd-pcrmachine.service",
	"systemd-pcrphase-sysinit.service", "systemd-pcrphase.service", "systemd-sysext.socket",
	"systemd-tpm2-setup-early.service", "systemd-tpm2-setup.service", "systemd-udev-load-credentials.service",
	"systemd-initctl.socket",
	"systemd-journal-flush.service", "systemd-network-generator.service", "systemd-networkd-persistent-storage.service",
	"systemd-sysctl.service", "modprobe@efi_pstore.service", "modprobe@configfs.service", "modprobe@drm.service",
	"modprobe@fuse.service", "systemd-pstore.service",
	// Work by the clock, which would disturb what is measured.
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
	"systemd-tmpfiles-clean.timer", "man-db.timer",
}

// Summary says the same for the report.
var Summary = []string{
	"terminals and logins other than ssh; systemd-logind starts when it is asked for",
	"first boot work, done when the image is built",
	"security modules (AppArmor) and the sandboxes of the services that start at boot",
	"udev's coldplug of devices other than network cards",
	"timers of apt, fstrim and tmpfiles",
	"measured boot, system extensions, hibernation, automatic mounts",
	"documentation and translations",
}
