package initd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Boot is init(8) as process 1 of a guest.
func Boot(console io.Writer) error {
	if os.Getpid() != 1 {
		return errors.New("init: already running")
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTSTP)
	init := Init{
		Machine:       linux{},
		Signals:       signals,
		Console:       console,
		ShutdownLimit: 120 * time.Second,
		KillLimit:     10 * time.Second,
	}
	return init.Run()
}

// linux is the Linux kernel beneath the lookalike.
type linux struct{}

func (linux) Start(argv ...string) (int, error) {
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"},
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
}

func (linux) Reap() (ended []int, left bool) {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return ended, false
		case pid == 0:
			return ended, true
		default:
			ended = append(ended, pid)
		}
	}
}

func (linux) KillAll(sig syscall.Signal) { _ = syscall.Kill(-1, sig) }

func (linux) End(wanted Action) error {
	syscall.Sync()
	// A read-only root leaves a clean file system behind; if something keeps
	// it busy, what was synced must do.
	_ = syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	command := syscall.LINUX_REBOOT_CMD_RESTART
	switch wanted {
	case Halt:
		command = syscall.LINUX_REBOOT_CMD_HALT
	case PowerOff:
		command = syscall.LINUX_REBOOT_CMD_POWER_OFF
	}
	if err := syscall.Reboot(command); err != nil {
		return fmt.Errorf("init: end the machine: %w", err)
	}
	return nil
}
