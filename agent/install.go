package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"innkeeper/agent/systems"
)

func (a app) installCommand() command {
	return command{
		name: "install", summary: "Make guestd a service of this system and start it",
		more: "The join file comes from the platform, which makes one for each guest. It holds the\n" +
			"guest's key; a copy that only root can read is kept, and FILE may be removed.",
		examples: []string{"guestd install --join join.json", "guestd install    # without a platform, or with the one joined before"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			join := f.String("join", "", "join the platform that made this `FILE`")
			return func(ctx context.Context, args []string) error {
				if err := noArguments("install", args); err != nil {
					return err
				}
				return a.install(ctx, *join, f.Changed("join"))
			}
		},
	}
}

func (a app) install(ctx context.Context, join string, given bool) error {
	if given && join == "" {
		return usageError{errors.New("--join needs the name of a file")}
	}
	if err := root("install"); err != nil {
		return err
	}
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	layout := sys.Layout()
	if _, err := a.machine.Stat(layout.Binary); err != nil {
		here, _ := os.Executable()
		return fmt.Errorf("guestd belongs at %s on %s (%w); copy it there first, this one is %s", layout.Binary, sys.Name(), err, here)
	}
	if given {
		if err := a.join(join, layout); err != nil {
			return err
		}
	}
	if err := a.machine.MkdirAll(layout.StateDir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := a.machine.MkdirAll(layout.PluginDir, 0o755); err != nil {
		return fmt.Errorf("make the plugin directory: %w", err)
	}
	if err := sys.Service(a.machine).Install(ctx); err != nil {
		return fmt.Errorf("install the service on %s: %w", sys.Name(), err)
	}
	fmt.Fprintf(a.stdout, "guestd runs as a service of %s; its log is %s\n", sys.Name(), layout.LogFile)
	if ok, err := a.enrolled(layout); err == nil && !ok {
		fmt.Fprintln(a.stdout, "it has no platform yet: guestd install --join FILE")
	}
	return nil
}

// join checks a join file and keeps a copy.
func (a app) join(file string, layout systems.Layout) error {
	raw, err := a.machine.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the join file: %w", err)
	}
	if err := a.checkJoin(file); err != nil {
		return err
	}
	if err := a.machine.MkdirAll(filepath.Dir(layout.JoinFile), 0o700); err != nil {
		return fmt.Errorf("keep the join file: %w", err)
	}
	if err := a.machine.WriteFile(layout.JoinFile, raw, 0o600); err != nil {
		return fmt.Errorf("keep the join file: %w", err)
	}
	return nil
}

func (a app) uninstallCommand() command {
	return command{
		name: "uninstall", summary: "Stop the service and remove it from this system",
		more:     "What guestd made of the machine stays, and so does its state; it is said where that lies.",
		examples: []string{"guestd uninstall"},
		prepare: func(*pflag.FlagSet) func(context.Context, []string) error {
			return func(ctx context.Context, args []string) error {
				if err := noArguments("uninstall", args); err != nil {
					return err
				}
				return a.uninstall(ctx)
			}
		},
	}
}

func (a app) uninstall(ctx context.Context) error {
	if err := root("uninstall"); err != nil {
		return err
	}
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	if err := sys.Service(a.machine).Uninstall(ctx); err != nil {
		return fmt.Errorf("remove the service of %s: %w", sys.Name(), err)
	}
	layout := sys.Layout()
	fmt.Fprintf(a.stdout, "guestd is no longer a service of %s\n", sys.Name())
	if _, err := a.machine.Stat(layout.StateDir); !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(a.stdout, "its state stays in %s\n", layout.StateDir)
	}
	return nil
}

// root fails for those who could not do it anyway, before anything is begun.
func root(what string) error {
	if os.Geteuid() > 0 { // -1 on Windows, where the calls themselves fail
		return fmt.Errorf("%s has to be run by root", what)
	}
	return nil
}
