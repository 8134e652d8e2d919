// Package build turns the recipe of a catalogue entry into a bootable disk
// image, once: what it has built lies in a cache under the hash of the recipe,
// is checked against its digests whenever it is used, and is built again, with
// a word about it, when it is damaged.
//
// An image grows in three layers, each a cache entry of its own, so that a
// change costs only what stands on it: the base (package base), the system's
// Debian packages, and last files, doubles and setup script.
package build

import (
	"context"
	"log/slog"
	"sync"

	"golang.org/x/sync/errgroup"

	"innkeeper/images/system"
)

// Options say where to build.
type Options struct {
	// Cache is the folder that runs share; images lie in its folder "images".
	Cache string
	// Log gets what is worth keeping; nil for nothing.
	Log *slog.Logger
	// Progress is told what is being done for which system; nil for nobody.
	// Several goroutines may call it.
	Progress func(system, step string)
}

// Image is a lookalike that is ready to boot. Its files are read-only: lay an
// overlay over Disk.
type Image struct {
	// System is the name of the catalogue entry.
	System   string
	Fidelity system.Fidelity
	// Disk is a qcow2 file with an ext4 file system and no partition table.
	Disk string
	// Kernel is an uncompressed ELF kernel, Initrd a cpio archive.
	Kernel, Initrd string
	KernelArgs     string
	// Hash is the recipe's, in hex.
	Hash string
	// GOOS and GOARCH are the guestd build that runs in it.
	GOOS, GOARCH string
	// Packages lists the Debian packages in it, a name, a tab and a version a line.
	Packages string
}

// Ensure returns the image of s from the cache, or builds it. Processes that
// want the same image at once build it once.
func Ensure(ctx context.Context, s system.System, o Options) (Image, error) {
	b, err := newBuilder(s, o)
	if err != nil {
		return Image{}, err
	}
	return b.image(ctx)
}

// parallel is how many images are built at once: while one waits for the
// network another uses the processor, and more would only fight over two cores.
const parallel = 2

// EnsureAll returns the images of all systems by name. The first failure ends
// the others.
func EnsureAll(ctx context.Context, systems []system.System, o Options) (map[string]Image, error) {
	var mu sync.Mutex
	images := map[string]Image{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, s := range systems {
		group.Go(func() error {
			img, err := Ensure(ctx, s, o)
			if err != nil {
				return &SystemError{System: s.Name, Err: err}
			}
			mu.Lock()
			defer mu.Unlock()
			images[s.Name] = img
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return images, nil
}

// SystemError says of which system's image the error is.
type SystemError struct {
	System string
	Err    error
}

func (e *SystemError) Error() string { return "image of " + e.System + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SystemError) Unwrap() error { return e.Err }
