package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guest"
	"innkeeper/agent/service"
	"innkeeper/agent/state"
	"innkeeper/agent/systems"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/update"
)

func (a app) runCommand() command {
	return command{
		name: "run", summary: "Run the daemon until it is told to end",
		more:     "The system's service manager runs this; see: guestd install.",
		examples: []string{"guestd run", "guestd run --log-level debug"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			managed := f.Bool(strings.TrimPrefix(service.Argument, "--"), false, "answer the Windows service manager, which sets this")
			trial := f.Bool("trial", false, "be tried by the guestd that started this one")
			_ = f.MarkHidden("trial")
			level := f.String("log-level", "info", "how much to log: debug, info, warn or error")
			return func(ctx context.Context, args []string) error {
				var l slog.Level
				if err := l.UnmarshalText([]byte(*level)); err != nil {
					return usageError{fmt.Errorf("--log-level %q is none of debug, info, warn, error", *level)}
				}
				if err := noArguments("run", args); err != nil {
					return err
				}
				return service.Run(ctx, *managed, func(ctx context.Context) error { return a.run(ctx, l, *trial) })
			}
		},
	}
}

// run is the daemon's life.
func (a app) run(ctx context.Context, level slog.Level, trial bool) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := daemon.CompletePath(); err != nil {
		return fmt.Errorf("set PATH: %w", err)
	}
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the own executable: %w", err)
	}
	l := life{app: a, sys: sys, layout: sys.Layout(), executable: executable, level: level}
	if trial {
		return l.beTried(ctx)
	}
	return l.live(ctx)
}

// serve is the daemon, until it ends or there is a new guestd to try.
func (l life) serve(ctx context.Context, u *update.Updater, trial *update.Seat) error {
	log, file := daemon.OpenLog(l.layout.LogFile, l.stderr, l.level)
	defer func() { _ = file.Close() }()
	o := daemon.Options{
		StateDir: l.layout.StateDir, PluginDir: l.layout.PluginDir,
		System:  l.systemState(ctx, l.sys),
		Version: version(), Target: target(),
		Executable: l.executable, Sections: descriptions(l.sys),
		Updater: u, Trial: trial, Notes: l.notes, Log: log,
	}
	var err error
	o.Line, o.Guest, err = l.line(l.layout, log)
	if err != nil {
		log.Error("the join file cannot be used; the guest goes on without the platform", "error", err)
		o.Notes = append(o.Notes, "no line to the platform: "+err.Error())
	}
	if err := daemon.Run(ctx, o); err != nil {
		if !errors.Is(err, daemon.ErrUpdate) {
			log.Error("guestd cannot run", "error", err)
		}
		return err
	}
	return nil
}

func (a app) systemState(ctx context.Context, sys systems.System) state.System {
	return state.System{Name: sys.Name(), Version: sys.Version(a.machine), Kernel: kernel(ctx, a.machine)}
}

// kernel is the name and release the kernel gives of itself, empty if there is
// nobody to ask.
func kernel(ctx context.Context, m guest.Machine) string {
	name, args := "uname", []string{"-sr"}
	if runtime.GOOS == "windows" {
		name, args = "cmd", []string{"/c", "ver"}
	}
	out, err := guest.Output(ctx, m, name, args...)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func descriptions(sys systems.System) map[string]section.Description {
	all := map[string]section.Description{}
	for name, s := range sys.Sections() {
		all[name] = s.Describe()
	}
	return all
}

// enrolled says whether there is a join file.
func (a app) enrolled(layout systems.Layout) (bool, error) {
	_, err := a.machine.Stat(layout.JoinFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
