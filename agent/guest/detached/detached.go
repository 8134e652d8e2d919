// Package detached starts a program that goes on when the daemon that started
// it ends, is killed, or is stopped as a service.
package detached

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"innkeeper/agent/guest"
)

// Program is what to start.
type Program struct {
	// Path is the executable, Args are its arguments.
	Path string
	Args []string
	// Unit names the transient service that it becomes under systemd, and
	// Description says what it is there.
	Unit, Description string
}

// Process is a program that this process started itself, and is told the end
// of; nil for one that the service manager started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a program where nobody ends it with the daemon. systemd ends
// what a service has started with it unless its unit says otherwise (KillMode=
// in systemd.kill(5)), so there the program becomes a service of its own.
// Elsewhere it is a process of its own session (see apart).
func Start(ctx context.Context, m guest.Machine, p Program) (*Process, error) {
	if !systemd(m) {
		return detach(p)
	}
	_, err := guest.Output(ctx, m, "systemd-run", p.transient("--collect")...)
	var refused *guest.ExitError
	if errors.As(err, &refused) && strings.Contains(string(refused.Stderr), "unrecognized option") {
		// Before systemd 236 a unit that failed is listed until the next boot.
		_, err = guest.Output(ctx, m, "systemd-run", p.transient()...)
	}
	return nil, err
}

// transient are the arguments of systemd-run(1).
func (p Program) transient(more ...string) []string {
	args := append([]string{"--quiet", "--unit=" + p.Unit, "--description=" + p.Description}, more...)
	return append(append(args, p.Path), p.Args...)
}

// systemd says whether it is the init, as sd_booted(3) finds out.
func systemd(m guest.Machine) bool {
	info, err := m.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

func detach(p Program) (*Process, error) {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir = outside()
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started := &Process{cmd: cmd, done: make(chan struct{})}
	go func() { defer close(started.done); _ = cmd.Wait() }()
	return started, nil
}

// Done is closed when the process has ended; never for a nil Process.
func (p *Process) Done() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.done
}

// State is how the process ended; it is to be called after Done.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Release waits until the system has forgotten a process that has ended.
func (p *Process) Release() {
	if p != nil {
		<-p.done
	}
}
