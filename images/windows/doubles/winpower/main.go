//go:build linux

// Command winpower carries out, on the Linux beneath the Windows lookalike,
// what the double of shutdown.exe asks for: a restart or power off after a
// delay, or its abortion. A request is one line in the file "request" of its
// folder; while a shutdown is on its way, the file "pending" lies beside it.
// By the file "clock" the double of Windows Time has it set the clock.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	requests := flag.String("requests", "", "the folder of the requests")
	flag.Parse()
	if *requests == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: winpower --requests=DIR")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *requests, machine{perform, moveClock}); err != nil {
		fmt.Fprintln(os.Stderr, "winpower:", err)
		os.Exit(1)
	}
}

// perform tells init to restart or to power off; it shuts everything down.
func perform(action string) error {
	out, err := exec.Command("/usr/bin/busybox", action).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", action, err, out)
	}
	return nil
}

// moveClock sets the clock forward, or back by less than nothing.
func moveClock(by time.Duration) error {
	at, err := unix.TimeToTimespec(time.Now().Add(by))
	if err != nil {
		return err
	}
	return unix.ClockSettime(unix.CLOCK_REALTIME, &at)
}
