//go:build linux

// Command initrd is the first program of every lookalike: it loads the kernel
// modules that lie beside it, mounts the root file system and hands over to
// the system's own init. It replaces a distribution's initramfs, whose shell
// and device manager cost seconds in an emulated guest.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/sys/unix"
)

const newRoot = "/newroot"

func main() {
	// start does not return if all went well: it has become the guest's init.
	err := start()
	// The kernel panics when its first program ends, with this line above.
	fmt.Fprintln(os.Stderr, "initrd:", err)
	os.Exit(1)
}

func start() error {
	for _, m := range []struct{ kind, at string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	boot, err := parseCommandLine(string(line))
	if err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	if err := awaitDevice(boot.root); err != nil {
		return err
	}
	var flags uintptr
	if boot.readOnly {
		flags = unix.MS_RDONLY
	}
	if err := unix.Mount(boot.root, newRoot, "ext4", flags, ""); err != nil {
		return fmt.Errorf("mount %s as the root file system: %w", boot.root, err)
	}
	return switchRoot(boot)
}

// loadModules loads the files of dir in the order of their names.
func loadModules(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// switchRoot makes newRoot the root and becomes the system's init, with the
// words of the kernel command line that are meant for it.
func switchRoot(boot commandLine) error {
	for _, at := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(at, newRoot+at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	// What lies in memory would stay there: the modules and this program.
	for _, gone := range []string{"/modules", "/init"} {
		_ = os.RemoveAll(gone)
	}
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	args := append([]string{boot.init}, boot.initArgs...)
	// A dumb terminal: systemd asks any other for its size and waits up to a
	// third of a second for an answer that a console in a file never gives.
	err := unix.Exec(boot.init, args, []string{"HOME=/", "TERM=dumb", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"})
	return fmt.Errorf("start %s: %w", boot.init, err)
}
