package hypervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// folders below Dir and where libvirtd, which has these paths compiled in,
// sees them: each is bound there in a mount namespace of the daemon's own, so
// that the machine's own libvirt is neither read nor written.
var folders = []struct{ name, seen string }{
	{"etc", "/etc/libvirt"},
	{"run", "/run/libvirt"},
	{"lib", "/var/lib/libvirt"},
	{"cache", "/var/cache/libvirt"},
	{"log", "/var/log/libvirt"},
}

// machineImages is where people keep their disks. It stays visible to the
// daemon and its guests although /var/lib/libvirt is covered.
const machineImages = "/var/lib/libvirt/images"

// qemuConf makes the QEMU driver work as root, without systemd, AppArmor,
// cgroups of its own and virtlogd (measured with libvirt 9.0).
//
// Without the filtered capability libvirt reads the processor's features as two
// words, with it one by one: 400 questions at each start and restore, which
// took 1.8 s beside six guests. It changes nothing in the guest.
const qemuConf = `user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
save_image_format = "raw"
max_core = 0
capability_filters = [ "cpu-unavailable-features" ]
`

const libvirtdConf = `unix_sock_rw_perms = "0700"
unix_sock_ro_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_level = 3
log_outputs = "3:stderr"
`

// layOut makes the daemon's folders and configuration.
func (d *Daemon) layOut() error {
	for _, f := range folders {
		for _, dir := range []string{d.folder(f.name), f.seen} {
			if dir != f.seen && below(dir, f.seen) {
				return fmt.Errorf("%s lies below %s, which the daemon covers with its own", dir, f.seen)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(d.folder("lib"), "images"), 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"qemu.conf": qemuConf, "libvirtd.conf": libvirtdConf} {
		if err := os.WriteFile(filepath.Join(d.folder("etc"), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// folder is where one of folders lies.
func (d *Daemon) folder(name string) string {
	if name == "cache" && d.cache != "" {
		return d.cache
	}
	return filepath.Join(d.dir, name)
}

// script is what the first process of the daemon's namespaces runs, with the
// path of libvirtd and the sources of folders as its arguments. It stays, as
// the parent of processes that have lost theirs: libvirt lets QEMU loose and,
// to see it end, polls for it to be gone, which takes a parent that waits.
func (d *Daemon) script(libvirtd string) (text string, args []string) {
	var b strings.Builder
	b.WriteString("set -e\nmount -t proc proc /proc\ndaemon=$1\nshift\n")
	fmt.Fprintf(&b, "if [ -d %s ]; then mount --bind %[1]s \"$1/images\"; fi\nshift\n", machineImages)
	args = []string{libvirtd, d.folder("lib")}
	for _, f := range folders {
		fmt.Fprintf(&b, "mount --rbind \"$1\" %s\nshift\n", f.seen)
		args = append(args, d.folder(f.name))
	}
	b.WriteString("\"$daemon\" --pid-file /run/libvirt/libvirtd.pid &\nwait $!\n")
	return b.String(), args
}

// below tells whether path is dir or lies in it.
func below(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
