package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guest/detached"
	"innkeeper/agent/link"
	"innkeeper/agent/service"
	"innkeeper/agent/systems"
	"innkeeper/agent/update"
)

// life is the daemon's, with the updates of guestd in it.
type life struct {
	app
	sys        systems.System
	layout     systems.Layout
	executable string
	level      slog.Level
	notes      []string // what a person should know of the last update
}

// updater is that of the guestd installed as executable. What it says goes to
// standard error: the log file is the daemon's, which may be the new one.
func (a app) updater(layout systems.Layout, executable string) *update.Updater {
	return update.New(update.Options{
		Machine: a.machine, StateDir: layout.StateDir, Executable: executable,
		Version: version(), Target: target(), Log: slog.New(slog.NewTextHandler(a.stderr, nil)),
	})
}

// live is the daemon, and between two lives of it the guestd that tries
// another.
func (l life) live(ctx context.Context) error {
	u := l.updater(l.layout, l.executable)
	for {
		l.notes = nil
		if err := l.settle(ctx, u); err != nil {
			return err
		}
		proved, err := u.Try(ctx, l.trial())
		if ctx.Err() != nil {
			return nil
		}
		l.note(err)
		if proved {
			continue
		}
		if err := l.serve(ctx, u, nil); !errors.Is(err, daemon.ErrUpdate) {
			return err
		}
	}
}

// settle brings an update to its end. A new guestd that has the name takes
// this process's place.
func (l *life) settle(ctx context.Context, u *update.Updater) error {
	if u.Proven() && !becomes {
		l.note(l.await(ctx, u))
		return nil
	}
	swapped, err := u.Settle()
	l.note(err)
	if swapped {
		return become(l.executable)
	}
	return nil
}

// note has the daemon tell of an error that is no reason to end.
func (l *life) note(err error) {
	if err != nil {
		fmt.Fprintf(l.stderr, "guestd: update: %v\n", err)
		l.notes = append(l.notes, "update of guestd: "+err.Error())
	}
}

// handOver is how long a service may take to be started anew by guestd replace.
const handOver = 3 * time.Minute

// await has the new guestd take the service over from outside, where a process
// cannot become another program and an executable that runs cannot be replaced.
func (l life) await(ctx context.Context, u *update.Updater) error {
	p := detached.Program{
		Path: u.New(), Args: []string{"replace", l.executable},
		Unit: "guestd-replace", Description: "Innkeeper update of guestd",
	}
	if _, err := detached.Start(ctx, l.machine, p); err != nil {
		return u.GiveUp("nobody could be started to put it in its place: " + err.Error())
	}
	late := time.NewTimer(handOver)
	defer late.Stop()
	select {
	case <-ctx.Done(): // the service was stopped, as it should be
		return nil
	case <-late.C:
		return u.GiveUp(fmt.Sprintf("the service was not started anew within %s", handOver))
	}
}

// trial is how this guestd tries another.
func (l life) trial() update.Trial {
	return update.Trial{
		Launch: func(path string, nonce []byte) (update.Child, error) {
			return update.Launch(path, []string{"run", "--trial", "--log-level", l.level.String()}, nonce, l.stderr)
		},
		Check: func(nonce, answer []byte) error {
			join, err := link.Load(l.machine, l.layout.JoinFile)
			if err != nil {
				return err
			}
			return link.New(link.Options{Join: join, Machine: l.machine, StateDir: l.layout.StateDir}).Check(nonce, answer)
		},
		Random: rand.Reader,
	}
}

// beTried is the daemon of a new guestd, for as long as the old one wants.
func (l life) beTried(ctx context.Context) error {
	seat, err := update.TakeSeat(l.stdin, l.stdout)
	if err != nil {
		return err
	}
	// The record is that of the old one's place.
	return l.serve(seat.Until(ctx), l.updater(l.layout, l.executable), seat)
}

// replaceCommand is the new guestd's part of an update on Windows.
func (a app) replaceCommand() command {
	return command{
		name: "replace", arguments: "EXECUTABLE", hidden: true,
		summary:  "Take the place of an executable and start the service anew",
		more:     "The daemon starts this from the new guestd once that has proved itself.",
		examples: []string{`guestd replace "C:\Program Files\guestd\guestd.exe"`},
		prepare: func(*pflag.FlagSet) func(context.Context, []string) error {
			return func(ctx context.Context, args []string) error {
				if len(args) != 1 {
					return usageError{errors.New("replace takes the executable to replace, and is started by the daemon")}
				}
				return a.replace(ctx, args[0])
			}
		},
	}
}

func (a app) replace(ctx context.Context, executable string) error {
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	s, ok := sys.Service(a.machine).(service.Replacer)
	if !ok {
		return fmt.Errorf("guestd on %s needs nobody to replace it", sys.Name())
	}
	u := a.updater(sys.Layout(), executable)
	return s.Replace(ctx, func() error {
		if !u.Proven() {
			return errors.New("the update was given up meanwhile")
		}
		_, err := u.Settle()
		return err
	})
}
