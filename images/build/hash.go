package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"slices"
	"sort"
	"strconv"

	"innkeeper/images/base"
	"innkeeper/images/labkey"
	"innkeeper/images/system"
)

// version stands for this package's own part in an image. Raise it whenever a
// change here changes what is built.
const version = 1

// RecipeHash is the hash of everything that makes the image of s what it is:
// base, packages, files, modes, sources of the doubles and the builder's
// version. Time, mirror and machine have no part in it, and it needs no network.
func RecipeHash(s system.System) (string, error) {
	h, err := hashesOf(s)
	return h.image, err
}

// hashes name the three layers of an image, each covering the one below.
type hashes struct{ base, packages, image string }

func hashesOf(s system.System) (hashes, error) {
	var h hashes
	var err error
	if h.base, err = baseHash(); err != nil {
		return hashes{}, err
	}
	p := newDigest("packages")
	p.add("base", h.base)
	p.add("suite", s.Lookalike.Suite)
	p.add("packages", sorted(s.Lookalike.Packages)...)
	h.packages = p.sum()

	i := newDigest("image")
	i.add("packages", h.packages)
	i.add("system", s.Name)
	if err := i.overlay(s.Lookalike.Below, nil); err != nil {
		return hashes{}, err
	}
	if err := i.overlay(s.Lookalike.Files, s.Lookalike.Modes); err != nil {
		return hashes{}, err
	}
	i.add("masked", s.Lookalike.Masked...)
	for _, d := range s.Lookalike.Doubles {
		i.add("double", append([]string{d.Package, d.Path, d.GOOS}, d.Links...)...)
		if err := i.sources(context.Background(), d.Package, targetOf(d, s.Lookalike)); err != nil {
			return hashes{}, err
		}
	}
	i.add("keys", labkey.AuthorizedKey(), labkey.HostKeyPublicLine(s.Name))
	i.add("disk", strconv.Itoa(s.Lookalike.DiskMiB))
	i.add("kernel", base.KernelArgs...)
	i.add("kernel of the system", s.Lookalike.KernelArgs...)
	h.image = i.sum()
	return h, nil
}

func baseHash() (string, error) {
	d := newDigest("base")
	d.add("version", strconv.Itoa(version))
	d.add("suite", base.Suite)
	d.add("packages", sorted(base.Packages)...)
	d.add("kernel", append([]string{base.KernelPackage}, base.Modules...)...)
	d.add("excluded", base.Excluded...)
	d.add("included", base.Included...)
	if err := d.overlay(base.Files(), nil); err != nil {
		return "", err
	}
	if err := d.sources(context.Background(), base.Init, guestTarget); err != nil {
		return "", err
	}
	return d.sum(), nil
}

// digest hashes lists of strings so that no two different recipes look alike:
// every word is preceded by its length.
type digest struct{ h hash.Hash }

func newDigest(kind string) digest {
	d := digest{sha256.New()}
	d.add("innkeeper image recipe", kind)
	return d
}

func (d digest) add(what string, words ...string) {
	fmt.Fprintf(d.h, "%d:%s%d;", len(what), what, len(words))
	for _, w := range words {
		fmt.Fprintf(d.h, "%d:%s", len(w), w)
	}
}

func (d digest) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

// overlay adds every file's path, mode and content.
func (d digest) overlay(files fs.FS, modes map[string]fs.FileMode) error {
	list, err := overlayFiles(files, modes)
	if err != nil {
		return err
	}
	for _, f := range list {
		sum := sha256.Sum256(f.data)
		d.add("file", f.path, f.mode.String(), hex.EncodeToString(sum[:]))
	}
	script, err := setupScript(files)
	if err != nil {
		return err
	}
	d.add("setup", string(script))
	return nil
}

func sorted(words []string) []string {
	out := slices.Clone(words)
	sort.Strings(out)
	return out
}

// short is the part of a hash that names a cache entry.
func short(hash string) string { return hash[:16] }
