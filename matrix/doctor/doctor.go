// Package doctor says what a machine lacks to run the matrix, in words a
// person can act on, and installs it on request.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Finding is the outcome of one check.
type Finding struct {
	// Name says what was looked at.
	Name string
	// OK is whether it is as it should be.
	OK bool
	// Detail says what was found; if it is not OK, what to do.
	Detail string
	// Packages are the Debian packages that would mend it.
	Packages []string
	// Fatal findings keep the matrix from running; others are advice.
	Fatal bool

	mend func(context.Context, io.Writer) error
}

// Tools the matrix runs, with the Debian package of each.
var tools = []struct{ Command, Package, For string }{
	{"libvirtd", "libvirt-daemon", "running guests"},
	{"qemu-system-x86_64", "qemu-system-x86", "running guests"},
	{"qemu-img", "qemu-utils", "disk overlays and images"},
	{"mmdebstrap", "mmdebstrap", "building images"},
	{"mke2fs", "e2fsprogs", "building images"},
	{"dpkg-deb", "dpkg", "building images"},
	{"tar", "tar", "building images"},
	{"xz", "xz-utils", "building images"},
	{"zstd", "zstd", "building images"},
	{"unshare", "util-linux", "building images and running guests"},
	{"gpgv", "gpgv", "checking Debian's signatures"},
	{"php", "php-cli", testsOnly + "of the pfSense doubles"},
	{"python3", "python3", testsOnly + "of the sample plugins"},
	{"scp", "openssh-client", testsOnly + "of copying into guests"},
	{"gcc", "gcc", testsOnly + "with the race detector"},
}

// testsOnly begins the purpose of a tool that the unit tests want and the
// matrix can do without.
const testsOnly = "tests "

// driver is a plug-in of libvirtd that has no command of its own.
const (
	driver        = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so"
	driverPackage = "libvirt-daemon-driver-qemu"
	keyring       = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// Limits for six guests at once.
const (
	wantMemoryMiB = 5 << 10
	wantDiskMiB   = 12 << 10
)

// Examine looks at this machine. cache is the folder of images.
func Examine(cache string) []Finding {
	list := []Finding{architecture(), root()}
	for _, t := range tools {
		list = append(list, command(t.Command, t.Package, t.For))
	}
	return append(list,
		file("libvirt's QEMU driver", driver, driverPackage),
		file("Debian's archive keys", keyring, "debian-archive-keyring"),
		phpXML(),
		advice(file("C library headers", "/usr/include/stdio.h", "libc6-dev")),
		libvirtUser(), memory(), disk(cache), temporary())
}

// Fatal joins the findings that keep the matrix from running into an error.
func Fatal(list []Finding) error {
	var errs []error
	for _, f := range list {
		if !f.OK && f.Fatal {
			errs = append(errs, fmt.Errorf("%s: %s", f.Name, f.Detail))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("this machine cannot run the matrix yet:\n%w\n'matrix doctor --fix' installs what Debian has", errors.Join(errs...))
}

// Fix installs the packages that findings ask for and mends the rest that can
// be mended, writing what it does to w.
func Fix(ctx context.Context, list []Finding, w io.Writer) error {
	var packages []string
	for _, f := range list {
		if !f.OK {
			packages = append(packages, f.Packages...)
		}
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	if len(packages) > 0 {
		if err := install(ctx, packages, w); err != nil {
			return err
		}
	}
	for _, f := range list {
		if f.OK || f.mend == nil {
			continue
		}
		if err := f.mend(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func install(ctx context.Context, packages []string, w io.Writer) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("no apt-get here: install by hand what corresponds to Debian's %s", strings.Join(packages, " "))
	}
	for _, argv := range [][]string{
		{"apt-get", "update", "-q"},
		append([]string{"apt-get", "install", "-y", "-q", "--no-install-recommends"}, packages...),
	} {
		fmt.Fprintln(w, "+", strings.Join(argv, " "))
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
		}
	}
	return nil
}

func architecture() Finding {
	f := Finding{Name: "architecture", Fatal: true, OK: runtime.GOARCH == "amd64" && runtime.GOOS == "linux", Detail: runtime.GOOS + "/" + runtime.GOARCH}
	if !f.OK {
		f.Detail += ": the images are for linux/amd64 hosts"
	}
	return f
}

func root() Finding {
	f := Finding{Name: "root", Fatal: true, OK: os.Geteuid() == 0, Detail: "running as root"}
	if !f.OK {
		f.Detail = "building images and running guests needs root: start again with sudo"
	}
	return f
}

func command(name, pkg, use string) Finding {
	f := Finding{Name: name, Fatal: !strings.HasPrefix(use, testsOnly)}
	at, err := exec.LookPath(name)
	if err == nil {
		f.OK, f.Detail = true, at
		return f
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			f.OK, f.Detail = true, filepath.Join(dir, name)
			return f
		}
	}
	f.Detail = fmt.Sprintf("missing, needed for %s: apt-get install %s", use, pkg)
	f.Packages = []string{pkg}
	return f
}

func file(name, path, pkg string) Finding {
	if _, err := os.Stat(path); err != nil {
		return Finding{Name: name, Fatal: true, Detail: "missing: apt-get install " + pkg, Packages: []string{pkg}}
	}
	return Finding{Name: name, OK: true, Detail: path}
}

// advice is a finding without which the matrix can run.
func advice(f Finding) Finding {
	f.Fatal = false
	return f
}

// phpXML checks for the extension with which pfSense's configuration is read.
func phpXML() Finding {
	f := Finding{Name: "PHP's XML parser"}
	if err := exec.Command("php", "-r", `exit(extension_loaded("xml") ? 0 : 1);`).Run(); err != nil {
		f.Detail = "missing, needed for tests of the pfSense doubles: apt-get install php-xml"
		f.Packages = []string{"php-xml"}
		return f
	}
	f.OK, f.Detail = true, "loaded"
	return f
}

// libvirtUser checks the account that libvirtd looks up before it reads
// qemu.conf; without it the QEMU driver does not come up ("Failed to parse
// user 'libvirt-qemu'").
func libvirtUser() Finding {
	f := Finding{Name: "user libvirt-qemu", Fatal: true}
	_, uerr := user.Lookup("libvirt-qemu")
	_, gerr := user.LookupGroup("libvirt-qemu")
	if uerr == nil && gerr == nil {
		f.OK, f.Detail = true, "exists"
		return f
	}
	f.Detail = "missing: libvirtd looks it up at start"
	f.mend = addLibvirtUser
	return f
}

func addLibvirtUser(ctx context.Context, w io.Writer) error {
	var steps [][]string
	if _, err := user.LookupGroup("libvirt-qemu"); err != nil {
		steps = append(steps, []string{"groupadd", "--system", "libvirt-qemu"})
	}
	if _, err := user.Lookup("libvirt-qemu"); err != nil {
		steps = append(steps, []string{"useradd", "--system", "--gid", "libvirt-qemu", "--no-create-home", "--home-dir", "/var/lib/libvirt", "--shell", "/usr/sbin/nologin", "libvirt-qemu"})
	}
	for _, argv := range steps {
		fmt.Fprintln(w, "+", strings.Join(argv, " "))
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

func memory() Finding {
	f := Finding{Name: "memory"}
	free := AvailableMemoryMiB()
	f.OK = free >= wantMemoryMiB
	f.Detail = fmt.Sprintf("%d MiB available", free)
	if !f.OK {
		f.Detail += fmt.Sprintf("; six guests at once want %d MiB, so fewer will run at a time", wantMemoryMiB)
	}
	return f
}

// AvailableMemoryMiB is MemAvailable of /proc/meminfo (proc(5)) in MiB, 0 if
// it cannot be told.
func AvailableMemoryMiB() int {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib >> 10
		}
	}
	return 0
}

func disk(cache string) Finding {
	f := Finding{Name: "disk for images", Fatal: true}
	free, at, err := freeMiB(cache)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	built := hasImages(cache)
	f.OK = free >= wantDiskMiB || built && free >= 1<<10
	f.Detail = fmt.Sprintf("%d MiB free at %s", free, at)
	if !f.OK {
		f.Detail += fmt.Sprintf("; the images and their building want %d MiB: free some, or name another folder with --cache", wantDiskMiB)
	}
	return f
}

func hasImages(cache string) bool {
	images, _ := filepath.Glob(filepath.Join(cache, "images", "image-*-????????????????"))
	return len(images) >= 6
}

func temporary() Finding {
	f := Finding{Name: "disk for runs", Fatal: true}
	free, at, err := freeMiB(os.TempDir())
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.OK = free >= 2<<10
	f.Detail = fmt.Sprintf("%d MiB free at %s", free, at)
	if !f.OK {
		f.Detail += "; the overlays of six guests want 2048 MiB: free some, or set TMPDIR to another folder"
	}
	return f
}

// freeMiB is the room on the file system of dir, or of the nearest folder
// above it that exists.
func freeMiB(dir string) (free int, at string, err error) {
	for at = dir; ; at = filepath.Dir(at) {
		var s unix.Statfs_t
		err := unix.Statfs(at, &s)
		if err == nil {
			return int(s.Bavail * uint64(s.Bsize) >> 20), at, nil
		}
		if !errors.Is(err, unix.ENOENT) || at == filepath.Dir(at) {
			return 0, at, fmt.Errorf("cannot tell the free space of %s: %w", at, err)
		}
	}
}
