//go:build unix

// Package initd doubles FreeBSD's init(8): it runs /etc/rc, adopts and reaps
// orphans, and takes the machine down in order when it is signalled.
package initd

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Action is how the machine ends.
type Action int

// The actions, by the signal that asks for each: init(8), "SIGNALS".
const (
	None     Action = iota
	Reboot          // SIGINT
	Halt            // SIGUSR1
	PowerOff        // SIGUSR2
)

// action tells which action a signal asks for.
func action(sig os.Signal) Action {
	switch sig {
	case syscall.SIGINT:
		return Reboot
	case syscall.SIGUSR1:
		return Halt
	case syscall.SIGUSR2:
		return PowerOff
	default:
		return None
	}
}

// Machine is what init does to the machine.
type Machine interface {
	// Start starts a program in a session of its own.
	Start(argv ...string) (pid int, err error)
	// Reap collects every child that has ended, and says whether any is left.
	Reap() (ended []int, left bool)
	// KillAll signals every process but this one.
	KillAll(syscall.Signal)
	// End flushes the file systems and ends the machine.
	End(Action) error
}

// Init is process 1.
type Init struct {
	Machine Machine
	// Signals delivers SIGCHLD and the signals that ask for an action.
	Signals <-chan os.Signal
	Console io.Writer
	// ShutdownLimit bounds /etc/rc.shutdown (kern.init_shutdown_timeout, 120 s
	// by default), KillLimit the time each round of signals is given.
	ShutdownLimit, KillLimit time.Duration
}

// Run boots the machine and returns after it has ended it, which happens in
// tests only.
func (i *Init) Run() error {
	rc, err := i.Machine.Start("/bin/sh", "/etc/rc", "autoboot")
	if err != nil {
		fmt.Fprintf(i.Console, "init: run /etc/rc: %v\n", err)
	}
	wanted := None
	for wanted == None {
		sig := <-i.Signals
		if wanted = action(sig); wanted != None {
			break
		}
		if sig != syscall.SIGCHLD {
			fmt.Fprintf(i.Console, "init: signal %v is not built in this lookalike\n", sig)
			continue
		}
		ended, _ := i.Machine.Reap()
		for _, pid := range ended {
			if pid == rc {
				fmt.Fprintln(i.Console, "init: multi-user")
			}
		}
	}
	i.shutdown(wanted)
	return i.Machine.End(wanted)
}

// shutdown runs /etc/rc.shutdown and ends every process.
func (i *Init) shutdown(wanted Action) {
	argument := "single"
	if wanted == Reboot {
		argument = "reboot"
	}
	if pid, err := i.Machine.Start("/bin/sh", "/etc/rc.shutdown", argument); err != nil {
		fmt.Fprintf(i.Console, "init: run /etc/rc.shutdown: %v\n", err)
	} else if !i.await(i.ShutdownLimit, func(ended []int, left bool) bool {
		for _, one := range ended {
			if one == pid {
				return true
			}
		}
		return !left
	}) {
		fmt.Fprintln(i.Console, "init: /etc/rc.shutdown is timed out")
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		i.Machine.KillAll(sig)
		if i.await(i.KillLimit, func(_ []int, left bool) bool { return !left }) {
			return
		}
	}
	fmt.Fprintln(i.Console, "init: some processes would not die")
}

// await reaps until done is satisfied or the limit is over. Every orphan is a
// child of process 1, so that no child left means no process left.
func (i *Init) await(limit time.Duration, done func(ended []int, left bool) bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		if done(i.Machine.Reap()) {
			return true
		}
		select {
		case <-i.Signals:
		case <-timer.C:
			return false
		}
	}
}
