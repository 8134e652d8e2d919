package build

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed enter.sh
var enterScript string

// chroot is a guest's root file system in which programs are run.
type chroot struct{ root string }

// guestEnv is all the environment a program in the chroot gets: nothing of
// this machine's reaches an image.
var guestEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb",
	"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true",
}

// run runs a program in the root, in namespaces of its own.
func (c chroot) run(ctx context.Context, network bool, env []string, argv ...string) error {
	net := "no"
	if network {
		net = "yes"
	}
	args := []string{"--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "/bin/sh", "-c", enterScript, "enter", c.root, net}
	cmd := tool(ctx, "unshare", append(args, argv...)...)
	cmd.Env = append(append([]string{}, guestEnv...), env...)
	return run(ctx, cmd)
}

// policy keeps packages from starting their services at installation: exit
// status 101 means "not allowed" (Debian's invoke-rc.d policy interface).
const policy = "#!/bin/sh\nexit 101\n"

const policyFile = "usr/sbin/policy-rc.d"

// quiet runs do while no service may start in the root.
func (c chroot) quiet(do func() error) (err error) {
	file := filepath.Join(c.root, policyFile)
	if err := os.WriteFile(file, []byte(policy), 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	return do()
}

// setup runs a recipe's setup.sh, which learns the system's name from SYSTEM.
func (c chroot) setup(ctx context.Context, system string, script []byte) error {
	const name = ".setup.sh"
	file := filepath.Join(c.root, name)
	if err := os.WriteFile(file, script, 0o755); err != nil {
		return err
	}
	err := c.quiet(func() error {
		return c.run(ctx, false, []string{"SYSTEM=" + system}, "/"+name)
	})
	if err = errors.Join(err, os.Remove(file)); err != nil {
		return fmt.Errorf("setup.sh: %w", err)
	}
	return nil
}

// shell runs a script, whose $1 and so on are args, stopping at its first failure.
func (c chroot) shell(ctx context.Context, network bool, script string, args ...string) error {
	argv := append([]string{"/bin/sh", "-euc", strings.TrimSpace(script), "sh"}, args...)
	return c.run(ctx, network, nil, argv...)
}
