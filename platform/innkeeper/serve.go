package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/agent/link/wire"
	"innkeeper/platform"
	"innkeeper/platform/admin"
)

// closing is how long a command that is being answered may go on at the end.
const closing = 5 * time.Second

func (a app) serveCommand() command {
	return command{
		name: "serve", summary: "Run the platform until it is told to end",
		more: "The folder keeps the platform's identity, which guests pin: back it up, and show it to nobody.",
		examples: []string{
			"innkeeper serve --listen 0.0.0.0:4222 --public platform.example.com:4222",
			"innkeeper serve --dir ./platform --listen 127.0.0.1:4222",
		},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			listen := f.String("listen", "127.0.0.1:4222", "wait for guests on this `HOST:PORT`")
			public := f.StringSlice("public", nil, "the `HOST:PORT` that guests dial, written into join files; repeat it for those to try after the first (default: what is listened on)")
			level := f.String("log-level", "info", "how much to log: debug, info, warn or error")
			return func(ctx context.Context, args []string) error {
				if len(args) > 0 {
					return usage("serve takes no argument, and %q is given; see: innkeeper serve --help", args[0])
				}
				var l slog.Level
				if err := l.UnmarshalText([]byte(*level)); err != nil {
					return usage("--log-level %q is none of debug, info, warn, error", *level)
				}
				if err := checkAddresses(*listen, *public); err != nil {
					return err
				}
				log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: l}))
				o := platform.Options{Dir: *dir, Listen: *listen, Log: log}
				if len(*public) > 0 {
					o.PublicAddress, o.MoreAddresses = (*public)[0], (*public)[1:]
				}
				return serve(ctx, o)
			}
		},
	}
}

// checkAddresses finds, before anything is begun, what could not work.
func checkAddresses(listen string, public []string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return usage("--listen %q is not HOST:PORT", listen)
	}
	for _, p := range public {
		if err := wire.CheckAddress(p); err != nil {
			return usage("--public: %w", err)
		}
	}
	if ip := net.ParseIP(host); len(public) == 0 && (host == "" || ip != nil && ip.IsUnspecified()) {
		return usage("--listen %s is every address of this machine; say with --public which one guests dial", listen)
	}
	return nil
}

func serve(ctx context.Context, o platform.Options) (err error) {
	p, err := platform.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	commands, err := admin.Serve(p, o.Dir, o.Log)
	if err != nil {
		return err
	}
	o.Log.Info("the platform takes commands", "socket", admin.Socket(o.Dir))
	<-ctx.Done()
	o.Log.Info("the platform ends")
	end, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return commands.Close(end)
}

// dirFlag is the platform's folder, the same for every command.
func dirFlag(f *pflag.FlagSet) *string {
	return f.String("dir", defaultDir(), "the platform's `FOLDER`")
}

// defaultDir follows the XDG base directory specification.
func defaultDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/innkeeper"
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "innkeeper")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "innkeeper"
	}
	return filepath.Join(home, ".local", "share", "innkeeper")
}

func oneGuest(command string, args []string) (string, error) {
	if len(args) != 1 {
		return "", usage("%s needs the id of one guest; see: innkeeper %s --help", command, command)
	}
	if err := wire.CheckGuest(args[0]); err != nil {
		return "", usageError{fmt.Errorf("%s: %w", command, err)}
	}
	return args[0], nil
}
