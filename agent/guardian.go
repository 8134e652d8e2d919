package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"innkeeper/agent/daemon"
	"innkeeper/agent/guardian"
	"innkeeper/agent/plugin"
)

func (a app) guardianCommand() command {
	return command{
		name: "guardian", arguments: "ID", hidden: true,
		summary:  "Wait with the rollback of a change until it is confirmed",
		more:     "The daemon starts this before it makes a change that can cut the machine off.",
		examples: []string{"guestd guardian --state-dir /var/lib/guestd 0000000000000007-ABCDEFGH"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := f.String("state-dir", "", "the daemon's state `DIRECTORY`")
			return func(ctx context.Context, args []string) error {
				if len(args) != 1 || *dir == "" {
					return usageError{errors.New("guardian takes --state-dir and one order's name, and is started by the daemon")}
				}
				if err := daemon.CompletePath(); err != nil {
					return fmt.Errorf("set PATH: %w", err)
				}
				log := slog.New(slog.NewTextHandler(a.stderr, nil))
				return guardian.Keep(ctx, guardian.Options{
					StateDir: *dir, Caller: &plugin.Supervisor{Log: log}, Log: log,
					Ended: func() bool { return daemon.Ended(*dir) },
				}, args[0])
			}
		},
	}
}
