package specs

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"innkeeper/harness/artifact"
	"innkeeper/images/build"
	"innkeeper/images/system"
)

// Bounds of whole steps; single questions have bounds of their own.
const (
	setUpTimeout    = 15 * time.Minute // a first run builds the image in it
	tearDownTimeout = time.Minute
)

// settings are the command line of a column.
type settings struct {
	guest, image, built, hypervisor, work, cache, guestd, faultplugin string
	keep, cold                                                        bool
	eventsFD, parentFD                                                int

	system system.System
}

var options settings

func init() {
	flag.StringVar(&options.guest, "guest", "", "the `SYSTEM` to run on")
	flag.StringVar(&options.image, "image", "", "boot this qcow2 `FILE` instead of the lookalike")
	flag.StringVar(&options.built, "built", "", "`FILE` that describes the image built for this run, as JSON")
	flag.StringVar(&options.hypervisor, "hypervisor", "", "`SOCKET` of a libvirt daemon; a private one is started otherwise")
	flag.StringVar(&options.work, "work", "", "`FOLDER` of this column; a temporary one otherwise")
	flag.StringVar(&options.cache, "cache", "", "`FOLDER` of images and saved states")
	flag.StringVar(&options.guestd, "guestd", "", "the guestd `FILE` to deploy; built otherwise")
	flag.StringVar(&options.faultplugin, "faultplugin", "", "the fault plugin `FILE` to deploy; built otherwise")
	flag.BoolVar(&options.keep, "keep", false, "leave the guest running after the specs, for matrix shell")
	flag.BoolVar(&options.cold, "cold", false, "boot although a saved state is there")
	flag.IntVar(&options.eventsFD, "events-fd", 0, "write events as JSON lines to this file `DESCRIPTOR`")
	flag.IntVar(&options.parentFD, "parent-fd", 0, "end when this file `DESCRIPTOR` is closed, unless it says stay")
}

// parse reads the command line and fills in what was left out.
func (s *settings) parse() {
	flag.Parse()
	if s.cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			base = os.TempDir()
		}
		s.cache = filepath.Join(base, "innkeeper")
	}
	if s.work == "" {
		dir, err := os.MkdirTemp("", "innkeeper-"+s.guest+"-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		s.work = dir
	}
}

// programs are the executables that a column deploys.
type programs struct{ guestd, faultplugin string }

// programsFor takes the prebuilt programs, or builds them for the guest.
func programsFor(ctx context.Context, s settings) (programs, error) {
	target := artifact.Target{GOOS: s.system.Lookalike.GOOS, GOARCH: s.system.Lookalike.GOARCH}
	if s.image != "" && len(s.system.Vendor) > 0 {
		target = artifact.Target{GOOS: s.system.Vendor[0].GOOS, GOARCH: s.system.Vendor[0].GOARCH}
	}
	p := programs{guestd: s.guestd, faultplugin: s.faultplugin}
	dir := filepath.Join(s.work, "programs")
	var err error
	if p.guestd == "" {
		phase("build", "guestd for "+target.String())
		if p.guestd, err = artifact.Build(ctx, "innkeeper/agent", target, dir, "guestd"); err != nil {
			return p, err
		}
	}
	if p.faultplugin == "" {
		if p.faultplugin, err = artifact.Build(ctx, "innkeeper/specs/faultplugin", target, dir, "faultplugin"); err != nil {
			return p, err
		}
	}
	return p, nil
}

// builtImage reads what --built names; nil without it.
func builtImage(file string) (*build.Image, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var img build.Image
	if err := json.Unmarshal(data, &img); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &img, nil
}
