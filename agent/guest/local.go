package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"innkeeper/agent/guest/process"
)

// Local is the machine this process runs on.
func Local() Machine { return local{} }

// Tied is m for a process whose commands must not go on when it is killed, as
// a plugin is when the daemon is: on Linux and FreeBSD the system ends them
// with it, on Windows they are in its job. A machine other than Local is
// returned as it is.
func Tied(m Machine) Machine {
	if _, ok := m.(local); ok {
		return local{tied: true}
	}
	return m
}

type local struct{ tied bool }

func (local) ReadFile(path string) ([]byte, error)       { return os.ReadFile(path) }
func (local) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (local) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (local) Readlink(path string) (string, error)       { return os.Readlink(path) }
func (local) Now() time.Time                             { return time.Now() }

func (local) MkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

func (local) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := replaceFile(path, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (local) Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (local) Symlink(target, path string) error {
	temp, err := os.MkdirTemp(filepath.Dir(path), ".guestd-link-*")
	if err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	fresh := filepath.Join(temp, "link")
	if err := os.Symlink(target, fresh); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	if err := rename(fresh, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func (l local) Run(ctx context.Context, c Command) (Result, error) {
	deadline := c.Deadline
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	limit := c.OutputLimit
	if limit <= 0 {
		limit = DefaultOutputLimit
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), c.Env...)
	cmd.Dir = c.Dir
	if cmd.Dir == "" {
		cmd.Dir = rootDir()
	}
	stdout, stderr := &process.Capped{Limit: limit}, &process.Capped{Limit: limit}
	child, err := process.Start(cmd, process.Options{
		Stdin: c.Stdin, Stdout: stdout, Stderr: stderr, Group: process.OwnGroup,
		EndWithParent: l.tied,
	})
	if err != nil {
		return Result{}, fmt.Errorf("run %s: %w", c, err)
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	var cut error
	select {
	case <-child.Done():
	case <-ctx.Done():
		cut = fmt.Errorf("run %s: %w", c, context.Cause(ctx))
	case <-timer.C:
		cut = &DeadlineError{Command: c.String(), Deadline: deadline}
	}
	if cut != nil {
		child.Kill()
		<-child.Done()
		var late *DeadlineError
		if errors.As(cut, &late) {
			late.Stderr = stderr.Bytes()
		}
		return Result{ExitCode: -1, Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, cut
	}
	end := child.End()
	if end.Err != nil {
		return Result{}, fmt.Errorf("run %s: %w", c, end.Err)
	}
	return Result{
		ExitCode: end.ExitCode, Signal: end.Signal,
		Stdout: stdout.Bytes(), Stderr: stderr.Bytes(),
		Truncated: stdout.Dropped() > 0 || stderr.Dropped() > 0,
	}, nil
}
