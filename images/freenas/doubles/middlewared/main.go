//go:build unix

// Command middlewared is the double of TrueNAS CORE's middleware daemon. As
// "middlewared factory FILE" it makes the database of a new installation when
// an image is built.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"innkeeper/images/freebsd/kernel"
	"innkeeper/images/freenas/middleware"
)

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "factory" {
		err = middleware.Factory(context.Background(), os.Args[2])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "middlewared: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	k, err := kernel.Load("/")
	if err != nil {
		return err
	}
	file, err := os.OpenFile("/var/log/middlewared.log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer file.Close()
	log := slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service := func(name, action string) error {
		if out, err := exec.CommandContext(ctx, "/usr/sbin/service", name, action).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	server, err := middleware.New(ctx, middleware.Options{Root: "/", SetHostname: k.SetHostname, Service: service, AskTime: middleware.AskTime, Stack: middleware.Beneath{}, Log: log})
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}
