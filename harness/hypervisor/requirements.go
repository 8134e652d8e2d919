package hypervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// requirements is what a private libvirtd needs of the machine.
type requirements struct {
	path        string // where programs are looked up, like PATH
	emulator    string
	euid        int
	lookupUser  func(string) (*user.User, error)
	lookupGroup func(string) (*user.Group, error)
}

func machineRequirements() requirements {
	return requirements{
		// A user's PATH on Debian lacks the folders of daemons.
		path:     os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin",
		emulator: emulator, euid: os.Geteuid(),
		lookupUser: user.Lookup, lookupGroup: user.LookupGroup,
	}
}

// accounts under which distributions build libvirt to run QEMU. libvirtd looks
// its own up before it reads qemu.conf, and without it the QEMU driver stays
// down with "Failed to parse user 'libvirt-qemu'" (seen with Debian's 9.0).
var (
	qemuUsers  = []string{"libvirt-qemu", "qemu"}
	qemuGroups = []string{"libvirt-qemu", "kvm", "qemu"}
)

// Packages of Debian that a private libvirtd needs. Not libvirt-daemon-system,
// which pulls systemd in.
const packages = "libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils"

// check returns where libvirtd is, or a HostError with the cure.
func (r requirements) check(op string) (libvirtd string, err error) {
	if r.euid != 0 {
		return "", &HostError{op, errors.New("not running as root"), "start again with sudo"}
	}
	if libvirtd = r.find("libvirtd"); libvirtd == "" {
		return "", r.missing(op, "libvirtd is not installed")
	}
	if r.find("mount") == "" {
		return "", &HostError{op, errors.New("mount is not installed"), "apt-get install mount"}
	}
	if !isProgram(r.emulator) {
		return "", r.missing(op, r.emulator+" is not installed")
	}
	if !anyKnown(qemuUsers, r.lookupUser) {
		return "", &HostError{
			op, errors.New("the user libvirt-qemu, which libvirtd looks up at its start, does not exist"),
			"'matrix doctor --fix' adds it, or: useradd --system --gid libvirt-qemu --no-create-home --shell /usr/sbin/nologin libvirt-qemu",
		}
	}
	if !anyKnown(qemuGroups, r.lookupGroup) {
		return "", &HostError{
			op, errors.New("the group libvirt-qemu, which libvirtd looks up at its start, does not exist"),
			"'matrix doctor --fix' adds it, or: groupadd --system libvirt-qemu",
		}
	}
	return libvirtd, nil
}

func (r requirements) missing(op, what string) error {
	return &HostError{op, errors.New(what), fmt.Sprintf("'matrix doctor --fix' installs what is missing, or: apt-get install --no-install-recommends %s", packages)}
}

// find looks a program up as exec.LookPath does, in path.
func (r requirements) find(name string) string {
	for _, dir := range filepath.SplitList(r.path) {
		if p := filepath.Join(dir, name); dir != "" && isProgram(p) {
			return p
		}
	}
	return ""
}

func isProgram(path string) bool {
	_, err := exec.LookPath(path)
	return strings.Contains(path, "/") && err == nil
}

func anyKnown[T any](names []string, lookup func(string) (T, error)) bool {
	for _, n := range names {
		if _, err := lookup(n); err == nil {
			return true
		}
	}
	return false
}
