package service

import (
	"context"
	"fmt"
	"time"

	"innkeeper/agent/guest"
)

// stopTime is how long a stop may take: guestd lets a plugin end that must not
// be killed.
const stopTime = 60 * time.Second

// pidFile holds the process id of daemon(8), which keeps it locked.
const pidFile = "/var/run/guestd.pid"

// daemon is guestd under FreeBSD's daemon(8), which detaches it (-f gives up
// the standard files, that a caller's pipe is not held open), starts it again
// a second after it ended (-r), and refuses to run twice (-P).
type daemon struct {
	m      guest.Machine
	binary string
}

func (d daemon) command() guest.Command {
	return guest.Command{Path: "/usr/sbin/daemon", Args: []string{"-f", "-r", "-P", pidFile, d.binary, "run"}}
}

// start starts guestd, which must not run.
func (d daemon) start(ctx context.Context) error {
	c := d.command()
	r, err := d.m.Run(ctx, c)
	if err != nil {
		return err
	}
	return guest.Check(c, r)
}

// stop ends daemon(8), which passes it on, and waits for its end. The process
// id in the file counts only while the file is locked (-L), so that no
// stranger is hit by it.
func (d daemon) stop(ctx context.Context) error {
	c := guest.Command{Path: "/bin/pkill", Args: []string{"-TERM", "-L", "-F", pidFile}}
	running, err := d.running(ctx)
	if err != nil || !running {
		return err
	}
	// It may end by itself before the signal: what counts is that it ended.
	if _, err := d.m.Run(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	ended, err := await(ctx, func() (bool, error) {
		running, err := d.running(ctx)
		return !running, err
	})
	if err == nil && !ended {
		err = fmt.Errorf("guestd does not stop: it still runs %s after the signal", stopTime)
	}
	return err
}

func (d daemon) running(ctx context.Context) (bool, error) {
	if !exists(d.m, pidFile) {
		return false, nil
	}
	r, err := d.m.Run(ctx, guest.Command{Path: "/bin/pgrep", Args: []string{"-L", "-F", pidFile}})
	return err == nil && r.ExitCode == 0, err
}
