package guardian

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"innkeeper/agent/guest"
)

// process is a guardian that this process started itself, and is told the end
// of; nil for one that the service manager started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// arguments start the guardian of an order.
func arguments(o Options, id string) []string {
	return []string{"guardian", "--state-dir", o.StateDir, id}
}

// launch starts the guardian of an order where nobody ends it with the daemon.
// systemd ends what a service has started with it unless its unit says
// otherwise (KillMode= in systemd.kill(5)), so there the guardian is a service
// of its own. Elsewhere it is a process of its own session (see apart).
func launch(ctx context.Context, o Options, id string) (*process, error) {
	if !systemd(o.Machine) {
		return detach(o, id)
	}
	_, err := guest.Output(ctx, o.Machine, "systemd-run", transient(o, id, "--collect")...)
	var refused *guest.ExitError
	if errors.As(err, &refused) && strings.Contains(string(refused.Stderr), "unrecognized option") {
		// Before systemd 236 a unit that failed is listed until the next boot.
		_, err = guest.Output(ctx, o.Machine, "systemd-run", transient(o, id)...)
	}
	return nil, err
}

// transient are the arguments of systemd-run(1).
func transient(o Options, id string, more ...string) []string {
	args := append([]string{"--quiet", "--unit=guestd-guardian-" + id, "--description=Innkeeper rollback, waiting to be disarmed"}, more...)
	return append(append(args, o.Executable), arguments(o, id)...)
}

// systemd says whether it is the init, as sd_booted(3) finds out.
func systemd(m guest.Machine) bool {
	info, err := m.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

func detach(o Options, id string) (*process, error) {
	cmd := exec.Command(o.Executable, arguments(o, id)...)
	cmd.Dir = outside()
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() { defer close(p.done); _ = cmd.Wait() }()
	return p, nil
}

// state is how the process ended; it is to be called after done.
func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

// release waits until the system has forgotten a guardian that has ended.
func (p *process) release() {
	if p != nil {
		<-p.done
	}
}
