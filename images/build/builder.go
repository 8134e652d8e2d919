package build

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"innkeeper/images/base"
	"innkeeper/images/system"
)

// builder builds one system's image.
type builder struct {
	system   system.System
	log      *slog.Logger
	progress func(step string)
	store    *store
	hashes   hashes
}

func newBuilder(s system.System, o Options) (*builder, error) {
	if o.Cache == "" {
		return nil, fmt.Errorf("no cache folder was given")
	}
	dir, err := filepath.Abs(filepath.Join(o.Cache, "images"))
	if err != nil {
		return nil, err
	}
	h, err := hashesOf(s)
	if err != nil {
		return nil, err
	}
	b := &builder{system: s, log: o.Log, hashes: h, progress: func(string) {}}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.log = b.log.With("system", s.Name)
	if o.Progress != nil {
		b.progress = func(step string) { o.Progress(s.Name, step) }
	}
	b.store = &store{dir: dir, say: func(what string) {
		b.log.Warn(what)
		b.progress(what)
	}}
	return b, nil
}

// Names of the files in cache entries.
const (
	rootfsFile   = "rootfs.tar.zst"
	sourcesFile  = "sources.list"
	packagesFile = "packages.txt"
	kernelFile   = "vmlinux"
	initrdFile   = "initrd"
	diskFile     = "disk.qcow2"
)

// image returns the finished image.
func (b *builder) image(ctx context.Context) (Image, error) {
	name := "image-" + b.system.Name + "-" + short(b.hashes.image)
	dir, err := b.store.ensure(ctx, name, b.buildImage)
	if err != nil {
		return Image{}, err
	}
	args := append(append([]string{}, base.KernelArgs...), b.system.Lookalike.KernelArgs...)
	return Image{
		System:     b.system.Name,
		Fidelity:   system.Lookalike,
		Disk:       filepath.Join(dir, diskFile),
		Kernel:     filepath.Join(dir, kernelFile),
		Initrd:     filepath.Join(dir, initrdFile),
		KernelArgs: strings.Join(args, " "),
		Hash:       b.hashes.image,
		GOOS:       b.system.Lookalike.GOOS,
		GOARCH:     b.system.Lookalike.GOARCH,
		Packages:   filepath.Join(dir, packagesFile),
	}, nil
}

// buildImage fills the cache entry of the image: the last of the three layers.
func (b *builder) buildImage(ctx context.Context, dir string) error {
	if err := preflight(dir, b.system.Lookalike.DiskMiB); err != nil {
		return err
	}
	baseDir, err := b.base(ctx)
	if err != nil {
		return err
	}
	layer, err := b.packages(ctx, baseDir)
	if err != nil {
		return err
	}
	b.progress("adding files and doubles")
	root := filepath.Join(dir, "root")
	if err := unpack(ctx, filepath.Join(layer, rootfsFile), root); err != nil {
		return err
	}
	if err := b.furnish(ctx, dir, root); err != nil {
		return err
	}
	b.progress("writing the disk")
	if err := writeDisk(ctx, root, filepath.Join(dir, diskFile), b.system, b.hashes.image); err != nil {
		return err
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for from, names := range map[string][]string{baseDir: {kernelFile, initrdFile}, layer: {packagesFile}} {
		for _, name := range names {
			if err := linkOrCopy(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// furnish lays the recipe's files and doubles over root and runs its setup script.
func (b *builder) furnish(ctx context.Context, work, root string) error {
	over, err := openOverlay(root)
	if err != nil {
		return err
	}
	defer over.close()
	if err := over.identity(b.system.Name); err != nil {
		return err
	}
	if err := over.files(b.system.Lookalike.Below, nil); err != nil {
		return err
	}
	if err := over.files(b.system.Lookalike.Files, b.system.Lookalike.Modes); err != nil {
		return err
	}
	if err := over.mask(b.system.Lookalike.Masked); err != nil {
		return err
	}
	if err := b.doubles(ctx, filepath.Join(work, "doubles"), over); err != nil {
		return err
	}
	for _, files := range []fs.FS{b.system.Lookalike.Below, b.system.Lookalike.Files} {
		script, err := setupScript(files)
		if err != nil {
			return err
		}
		if script == nil {
			continue
		}
		if err := (chroot{root}).setup(ctx, b.system.Name, script); err != nil {
			return err
		}
	}
	return nil
}
