package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"innkeeper/images/base"
)

// apt is Debian's package manager in a guest's root, with sources that are
// there only while the image is built: a finished guest names no mirror.
type apt struct {
	chroot
	sources []string
	suite   string // of extra packages, pinned low
	conf    []string
}

const (
	aptSources     = "etc/apt/sources.list"
	aptPreferences = "etc/apt/preferences.d/00build"
	aptConf        = "etc/apt/apt.conf.d/00build"
	dpkgConf       = "etc/dpkg/dpkg.cfg.d/00build"
)

// Scripts that run in the root. The downloads are a step of their own, so that
// the guest's name service files may be replaced by its packages in the next.
const (
	fetchScript   = `apt-get -q update; apt-get -q -y --no-install-recommends --download-only install "$@"`
	installScript = `apt-get -q -y --no-install-recommends --no-download install "$@"`
	cleanScript   = `
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
`
)

// install adds packages. Those named NAME/SUITE come from that suite with all
// they need of it; the others from the base's.
func (a apt) install(ctx context.Context, packages []string, progress func(string)) (err error) {
	if err := a.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.tidy()) }()
	var plain, extra []string
	for _, p := range packages {
		name, suite, other := strings.Cut(p, "/")
		switch {
		case !other:
			plain = append(plain, p)
		case suite != a.suite:
			return fmt.Errorf("package %s: the recipe's extra suite is %q", p, a.suite)
		default:
			extra = append(extra, name)
		}
	}
	for _, part := range []struct{ options, packages []string }{
		{nil, plain}, {[]string{"-t", a.suite}, extra},
	} {
		if len(part.packages) == 0 {
			continue
		}
		args := slices.Concat(part.options, part.packages)
		progress(fmt.Sprintf("downloading %d packages and what they need", len(part.packages)))
		if err := a.shell(ctx, true, fetchScript, args...); err != nil {
			return fmt.Errorf("download packages: %w", err)
		}
		progress(fmt.Sprintf("installing %d packages and what they need", len(part.packages)))
		err := a.quiet(func() error { return a.shell(ctx, false, installScript, args...) })
		if err != nil {
			return fmt.Errorf("install packages: %w", err)
		}
	}
	return a.shell(ctx, false, cleanScript)
}

func (a apt) prepare() error {
	sources, preferences := slices.Clone(a.sources), ""
	if a.suite != "" {
		for _, line := range a.sources {
			// The extra suite from the same mirror; only its main archive.
			words := strings.Fields(line)
			if i := slices.Index(words, base.Suite); i > 0 && words[0] == "deb" {
				words[i] = a.suite
				sources = append(sources, strings.Join(words, " "))
				break
			}
		}
		preferences = fmt.Sprintf("Package: *\nPin: release n=%s\nPin-Priority: 100\n", a.suite)
	}
	for name, text := range map[string]string{
		aptSources:     strings.Join(sources, "\n") + "\n",
		aptPreferences: preferences,
		aptConf:        strings.Join(a.conf, "\n") + "\n",
		// Nothing is lost if this machine fails: the half-built root goes.
		dpkgConf: "force-unsafe-io\n",
	} {
		if err := os.WriteFile(filepath.Join(a.root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (a apt) tidy() error {
	var errs []error
	for _, name := range []string{aptSources, aptPreferences, aptConf, dpkgConf} {
		errs = append(errs, os.Remove(filepath.Join(a.root, name)))
	}
	return errors.Join(errs...)
}
