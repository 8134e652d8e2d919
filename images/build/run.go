package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// keptOutput is how much of a failed tool's last words an error carries.
const keptOutput = 4096

// killGrace is how long the pipes of a killed tool may stay open.
const killGrace = 5 * time.Second

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - keptOutput; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// tool prepares a program of this machine, found in /usr/sbin too.
func tool(ctx context.Context, name string, args ...string) *exec.Cmd {
	file, err := exec.LookPath(name)
	if err != nil {
		file = filepath.Join("/usr/sbin", name)
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.WaitDelay = killGrace
	// A build whose process is killed leaves no apt or dpkg running.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs cmd; the error quotes the end of what it said.
func run(ctx context.Context, cmd *exec.Cmd) error {
	var said tail
	if cmd.Stdout == nil {
		cmd.Stdout = &said
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &said
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, strings.TrimSpace(string(said.kept)))
}
