//go:build unix

package syslogd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// stage marks, in the environment, the process that is the daemon.
const stage = "FREEBSD_SYSLOGD_STAGE"

// Program is the command as it is called: it checks its arguments, starts
// itself again as the daemon, and returns once that takes records. A Go
// program cannot fork; self is its path.
func Program(args []string, self string, stderr io.Writer) int {
	m := Machine{Socket: "/dev/log", Hostname: os.Hostname, Now: time.Now}
	if os.Getenv(stage) == "" {
		return Run(args, m, func(args []string) error { return start(args, self) }, stderr)
	}
	_ = os.Unsetenv(stage)
	parent := os.NewFile(3, "parent")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	err := Serve(ctx, args, m, func() { _ = parent.Close() }, reload)
	if err != nil {
		fmt.Fprint(parent, err)
		return 1
	}
	return 0
}

func start(args []string, self string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "syslogd"
	cmd.ExtraFiles = []*os.File{writer}
	cmd.Env = append(os.Environ(), stage+"=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		return err
	}
	said, err := io.ReadAll(reader)
	if err == nil && len(said) > 0 {
		err = errors.New(string(said))
	}
	return errors.Join(err, cmd.Process.Release())
}
