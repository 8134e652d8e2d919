package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"innkeeper/images/base"
)

// base returns the cache entry of the shared base.
func (b *builder) base(ctx context.Context) (string, error) {
	return b.store.ensure(ctx, "base-"+short(b.hashes.base), b.buildBase)
}

func (b *builder) buildBase(ctx context.Context, dir string) error {
	b.progress("building the shared base")
	root := filepath.Join(dir, "root")
	if err := debootstrap(ctx, root, mirror(), transport(ctx)); err != nil {
		return err
	}
	if err := takeSources(root, filepath.Join(dir, sourcesFile)); err != nil {
		return err
	}
	if err := b.takeKernel(ctx, dir, root); err != nil {
		return err
	}
	over, err := openOverlay(root)
	if err != nil {
		return err
	}
	defer over.close()
	if err := over.files(base.Files(), nil); err != nil {
		return err
	}
	return pack(ctx, root, filepath.Join(dir, rootfsFile))
}

// kernelDir is where debootstrap leaves the kernel's package in the root.
const kernelDir = "kernel-package"

// kernelScript downloads the package that the kernel's metapackage stands for.
const kernelScript = `
name=$(apt-cache depends --important "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n1)
[ -n "$name" ] || { echo "$1 depends on no kernel" >&2; exit 1; }
mkdir -p "/$2"
cd "/$2"
apt-get -q download "$name"
`

// debootstrap makes the root file system of the base.
func debootstrap(ctx context.Context, root, mirror string, conf []string) error {
	args := []string{
		"--mode=root", "--format=directory", "--variant=minbase", "--quiet",
		"--include=" + strings.Join(base.Packages, ","),
		"--aptopt=APT::Install-Recommends \"false\"",
		"--customize-hook=chroot \"$1\" sh -euc '" + strings.ReplaceAll(kernelScript, "'", `'\''`) + "' sh " + base.KernelPackage + " " + kernelDir,
	}
	for _, line := range conf {
		args = append(args, "--aptopt="+line)
	}
	for _, p := range base.Excluded {
		args = append(args, "--dpkgopt=path-exclude="+p)
	}
	for _, p := range base.Included {
		args = append(args, "--dpkgopt=path-include="+p)
	}
	args = append(args, base.Suite, root)
	if mirror != "" {
		args = append(args, fmt.Sprintf("deb %s %s main", mirror, base.Suite))
	}
	if err := run(ctx, tool(ctx, "mmdebstrap", args...)); err != nil {
		return fmt.Errorf("make the base: %w", err)
	}
	return nil
}

// takeSources moves the list of package sources out of the root.
func takeSources(root, to string) error {
	file := filepath.Join(root, aptSources)
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("package sources of the base: %w", err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return err
	}
	// What mmdebstrap wrote for this machine's way to the mirror stays out too.
	for _, name := range []string{file, filepath.Join(root, "etc/apt/apt.conf.d/99mmdebstrap")} {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// packages returns the cache entry of the base with the system's packages.
func (b *builder) packages(ctx context.Context, baseDir string) (string, error) {
	name := "packages-" + b.system.Name + "-" + short(b.hashes.packages)
	return b.store.ensure(ctx, name, func(ctx context.Context, dir string) error {
		return b.buildPackages(ctx, baseDir, dir)
	})
}

const listScript = `dpkg-query -W -f '${binary:Package}\t${Version}\n' >/packages.txt`

func (b *builder) buildPackages(ctx context.Context, baseDir, dir string) error {
	root := filepath.Join(dir, "root")
	if err := unpack(ctx, filepath.Join(baseDir, rootfsFile), root); err != nil {
		return err
	}
	a := apt{chroot: chroot{root}, suite: b.system.Lookalike.Suite, conf: transport(ctx)}
	if m := mirror(); m != "" {
		a.sources = []string{fmt.Sprintf("deb %s %s main", m, base.Suite)}
	} else {
		data, err := os.ReadFile(filepath.Join(baseDir, sourcesFile))
		if err != nil {
			return err
		}
		a.sources = slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return l == "" })
	}
	if len(b.system.Lookalike.Packages) > 0 {
		if err := a.install(ctx, b.system.Lookalike.Packages, b.progress); err != nil {
			return err
		}
	}
	if err := a.shell(ctx, false, listScript); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(root, packagesFile), filepath.Join(dir, packagesFile)); err != nil {
		return err
	}
	return pack(ctx, root, filepath.Join(dir, rootfsFile))
}

// pack writes the root file system into an archive, with owners by number and
// extended attributes (file capabilities).
func pack(ctx context.Context, root, file string) error {
	return run(ctx, tool(ctx, "tar", "--use-compress-program=zstd -1 -T0", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sort=name",
		"--create", "--file", file, "--directory", root, "."))
}

func unpack(ctx context.Context, file, root string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	return run(ctx, tool(ctx, "tar", "--use-compress-program=zstd", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--same-permissions",
		"--extract", "--file", file, "--directory", root))
}
