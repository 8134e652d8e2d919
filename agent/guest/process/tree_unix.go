//go:build unix

package process

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// tree is the child and all it started. On Unix these are the members of its
// process group or session; the kernel gives the number of either to no other
// process while a member lives or the leader has not been waited for. Whoever
// left an OwnTree's session is found by trail, which differs by system.
type tree struct {
	group Group
	trail trail
	left  int // members when the leader had ended

	mu     sync.Mutex
	reaped bool // the leader's number may belong to another process
}

func (t *tree) start(cmd *exec.Cmd, o Options) error {
	t.group = o.Group
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if o.Group == OwnGroup {
		cmd.SysProcAttr.Setpgid = true
	} else {
		cmd.SysProcAttr.Setsid = true
	}
	if o.EndWithParent {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if o.Group == OwnTree {
		t.trail.lay(cmd, !o.EndWithParent)
	}
	err := cmd.Start()
	if err != nil && t.trail.shorten(cmd) {
		// A Cmd can be started once only.
		*cmd = exec.Cmd{
			Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Stdin: cmd.Stdin,
			Stdout: cmd.Stdout, Stderr: cmd.Stderr, SysProcAttr: cmd.SysProcAttr, WaitDelay: cmd.WaitDelay,
		}
		err = cmd.Start()
	}
	if err != nil {
		t.trail.end()
		return err
	}
	if o.Group == OwnTree {
		t.trail.begin(cmd.Process.Pid)
	}
	if o.MemoryLimit > 0 {
		limitMemory(cmd.Process.Pid, o.MemoryLimit)
	}
	return nil
}

// wait awaits the leader's end, ends what is left of its session while the
// session's number is still ours, and only then lets the kernel forget it.
func (t *tree) wait(cmd *exec.Cmd, _ Group) error {
	awaitExit(cmd.Process.Pid)
	t.mu.Lock()
	if t.group != OwnGroup {
		t.left = t.killAll(cmd.Process.Pid)
	}
	t.reaped = true
	t.trail.end()
	t.mu.Unlock()
	return cmd.Wait()
}

// peakResident is left to the status that the system keeps.
func (t *tree) peakResident() int64 { return 0 }

func (t *tree) kill(cmd *exec.Cmd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reaped {
		return
	}
	if t.group != OwnGroup {
		t.killAll(cmd.Process.Pid)
		return
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // gone already is as good
}

func (t *tree) resident(cmd *exec.Cmd) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reaped {
		return 0, os.ErrProcessDone
	}
	return t.residentOf(cmd.Process.Pid)
}

// killAll kills the members until none is left and says how many there were.
// A member can fork while it is being killed, so one pass is not enough; the
// bound is for a machine where members cannot be killed (uninterruptible
// sleep).
func (t *tree) killAll(leader int) (members int) {
	for pass := range 50 {
		found, err := t.members(leader)
		if pass == 0 {
			members = len(found)
			_ = syscall.Kill(-leader, syscall.SIGKILL)
		}
		t.trail.kill(leader)
		if err != nil || len(found) == 0 {
			break
		}
		for _, pid := range found {
			t.killMember(pid, leader)
		}
	}
	_ = syscall.Kill(leader, syscall.SIGKILL)
	return members
}

func describe(s *os.ProcessState) End {
	end := End{ExitCode: s.ExitCode()}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		end.ExitCode, end.Signal = -1, signalName(ws.Signal())
	}
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		end.PeakResident = int64(u.Maxrss) << 10 // kilobytes on Linux and FreeBSD, getrusage(2)
	}
	return end
}
