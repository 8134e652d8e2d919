// Command midclt is the double of the middleware's command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"innkeeper/images/freenas/ddp"
	"innkeeper/images/freenas/midclt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(midclt.Run(ctx, os.Args[1:], midclt.Options{
		Socket:      ddp.Socket,
		StartupFile: "/var/run/middlewared_startup.seq",
		Stdout:      os.Stdout,
		Stderr:      os.Stderr,
	}))
}
