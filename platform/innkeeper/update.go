package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/admin"
)

// guestdPath is the import path of guestd's main package.
const guestdPath = "innkeeper/agent"

func (a app) updateCommand() command {
	return command{
		name: "update", arguments: "GUEST FILE", summary: "Put a new guestd in the place of the one in a guest",
		more: "FILE is the guestd built for the guest's system. The guest tries it, and takes its old one\n" +
			"back unless the new one reaches this platform within the window.",
		examples: []string{"innkeeper update web-1 guestd-linux-amd64 --version 1.2.3"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			version := f.String("version", "", "what the new guestd says is its version (guestd version); needed")
			window := f.Duration("window", wire.DefaultUpdateWindow, "the time that it has to reach the platform")
			wait := f.Duration("wait", 15*time.Minute, "how long to wait for what comes of it")
			return func(ctx context.Context, args []string) error {
				if len(args) != 2 || *version == "" {
					return usage("update needs the id of a guest, a file and --version; see: innkeeper update --help")
				}
				if err := wire.CheckGuest(args[0]); err != nil {
					return usageError{fmt.Errorf("update: %w", err)}
				}
				return a.update(ctx, *dir, args[0], args[1], *version, *window, *wait)
			}
		},
	}
}

func (a app) update(ctx context.Context, dir, guest, file, version string, window, wait time.Duration) error {
	target, err := targetOf(file)
	if err != nil {
		return err
	}
	executable, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the new guestd: %w", err)
	}
	s, err := admin.NewClient(dir).Update(ctx, guest, version, target, window, executable, wait)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s runs guestd %s now, and %s before\n", guest, printable(s.Version), printable(s.From))
	return err
}

// targetOf is GOOS/GOARCH of a guestd, as the Go toolchain wrote it into the file.
func targetOf(file string) (string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the new guestd: %w", err)
	}
	if info.Path != guestdPath {
		return "", fmt.Errorf("%s is no guestd: it is built from %q", file, info.Path)
	}
	goos, goarch := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	return goos + "/" + goarch, nil
}
