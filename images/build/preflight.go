package build

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// tools are the programs a build needs, and the Debian package of each.
var tools = map[string]string{
	"dpkg-deb":   "dpkg",
	"mke2fs":     "e2fsprogs",
	"mmdebstrap": "mmdebstrap",
	"qemu-img":   "qemu-utils",
	"tar":        "tar",
	"unshare":    "util-linux",
	"xz":         "xz-utils",
	"zstd":       "zstd",
}

// preflight says what keeps this machine from building into dir, before
// minutes are spent.
func preflight(dir string, diskMiB int) error {
	if os.Geteuid() != 0 {
		return errors.New("building an image needs root (it unpacks Debian packages in a chroot): run this as root")
	}
	if err := checkTools(exec.LookPath); err != nil {
		return err
	}
	// The unpacked root and the raw disk lie side by side; the qcow2 file is
	// written beside the raw one.
	return checkSpace(dir, 2*diskMiB+500)
}

func checkTools(look func(string) (string, error)) error {
	var missing []string
	packages := map[string]bool{}
	for tool, pkg := range tools {
		if _, err := look(tool); err == nil {
			continue
		}
		if _, err := look("/usr/sbin/" + tool); err == nil {
			continue
		}
		missing = append(missing, tool)
		packages[pkg] = true
	}
	if len(missing) == 0 {
		return nil
	}
	sort.Strings(missing)
	var names []string
	for p := range packages {
		names = append(names, p)
	}
	sort.Strings(names)
	return fmt.Errorf("building an image needs %s: install with 'apt-get install %s'", strings.Join(missing, ", "), strings.Join(names, " "))
}

func checkSpace(dir string, needMiB int) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	free := int(st.Bavail * uint64(st.Bsize) >> 20)
	if free < needMiB {
		return fmt.Errorf("building the image needs %d MiB below %s, where %d MiB are free: make room or choose another cache folder", needMiB, dir, free)
	}
	return nil
}
