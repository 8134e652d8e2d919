package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// release is set by the linker for a release: -X main.release=1.2.3.
var release string

// version is the release, or what the build knows of its sources.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unreleased"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "unreleased-" + s.Value[:12]
		}
	}
	return "unreleased"
}

// target is what the build is for.
func target() string { return runtime.GOOS + "/" + runtime.GOARCH }

func (a app) versionCommand() command {
	return command{
		name: "version", summary: "Say which guestd this is and where its files lie",
		examples: []string{"guestd version", "guestd version --json"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			asJSON := f.Bool("json", false, "print JSON")
			return func(_ context.Context, args []string) error {
				if err := noArguments("version", args); err != nil {
					return err
				}
				return a.version(*asJSON)
			}
		},
	}
}

// told is what `guestd version --json` prints. The paths are absent on a
// machine that guestd does not keep.
type told struct {
	Version   string `json:"version"`
	Target    string `json:"target"`
	Go        string `json:"go"`
	System    string `json:"system,omitempty"`
	Binary    string `json:"binary,omitempty"`
	StateDir  string `json:"state_dir,omitempty"`
	PluginDir string `json:"plugin_dir,omitempty"`
	LogFile   string `json:"log_file,omitempty"`
	JoinFile  string `json:"join_file,omitempty"`
}

func (a app) version(asJSON bool) error {
	t := told{Version: version(), Target: target(), Go: runtime.Version()}
	if sys, err := a.detect(a.machine); err == nil {
		l := sys.Layout()
		t.System, t.Binary, t.StateDir, t.PluginDir, t.LogFile, t.JoinFile = sys.Name(), l.Binary, l.StateDir, l.PluginDir, l.LogFile, l.JoinFile
	}
	if asJSON {
		return a.printJSON(t)
	}
	fmt.Fprintf(a.stdout, "guestd %s %s (%s)\n", t.Version, t.Target, t.Go)
	if t.System != "" {
		fmt.Fprintf(a.stdout, "on %s: program %s, state %s, plugins %s, log %s\n", t.System, t.Binary, t.StateDir, t.PluginDir, t.LogFile)
	}
	return nil
}
