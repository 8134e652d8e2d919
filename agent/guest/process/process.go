// Package process starts a child process that can be ended whole, with
// everything it started, and says how it ended.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// Group says how far Kill and the end of the child reach.
type Group int

const (
	// OwnGroup makes the child the leader of a process group (on Windows of a
	// job). What is left of it when the child ends by itself goes on: a
	// command may start a service.
	OwnGroup Group = iota
	// OwnSession makes the child the leader of a session (on Windows of a
	// job), which also holds the groups that its commands make for
	// themselves. What is left of it when the child ends is killed; only what
	// took a session of its own, as a service does, goes on.
	OwnSession
	// OwnTree is an OwnSession whose end ends everything that the child
	// started, in whatever session. What it takes for that differs by system;
	// see tree.
	OwnTree
)

// lingering is how long the pipes of a child that ended may be held open by
// what it left running before they are closed.
const lingering = time.Second

// Options say how a child is started.
type Options struct {
	// Stdin is what the child reads, and then the end.
	Stdin []byte
	// Input, if not nil, is what the child reads instead: a pipe that stays
	// open for as long as its writer likes.
	Input          *os.File
	Stdout, Stderr io.Writer
	Group          Group
	// MemoryLimit in bytes, 0 for none: what the operating system is asked to
	// refuse beyond. Hosts exist that accept it and do not enforce it, so a
	// caller who must be sure also watches Resident.
	MemoryLimit int64
	// EndWithParent has the system end the child when this process ends, in
	// whatever way. On Windows it does so to a session or tree as a whole,
	// elsewhere to the child alone.
	EndWithParent bool
}

// End is how a child ended.
type End struct {
	// ExitCode is the exit status, -1 when a signal ended it.
	ExitCode int
	// Signal names the signal, if one did.
	Signal string
	// PeakResident is the most memory the child held, in bytes, 0 if unknown.
	PeakResident int64
	// Left is how many processes the child left running in its session or
	// tree, which were ended then; on FreeBSD those in its session.
	Left int
	// Err is set when the end could not be learnt.
	Err error
}

// Child is a process that was started and its owner has not yet seen end.
type Child struct {
	cmd  *exec.Cmd
	tree tree
	done chan struct{}

	mu    sync.Mutex
	ended bool
	end   End
}

// Start starts cmd, whose Stdin, Stdout and Stderr are taken from o. The
// caller must await Done.
func Start(cmd *exec.Cmd, o Options) (*Child, error) {
	if cmd.Stdin = bytes.NewReader(o.Stdin); o.Input != nil {
		cmd.Stdin = o.Input
	}
	cmd.Stdout, cmd.Stderr = o.Stdout, o.Stderr
	cmd.WaitDelay = lingering
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// What Linux calls the death of a parent is that of the thread which
		// started the child (prctl(2), PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.tree.start(cmd, o)
		started <- err
		if err == nil {
			c.wait(o.Group)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Child) wait(g Group) {
	defer close(c.done)
	err := c.tree.wait(c.cmd, g)
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		err = nil // how it ended is in ProcessState
	}
	end := End{ExitCode: -1}
	if s := c.cmd.ProcessState; s != nil {
		end = describe(s)
		end.PeakResident = max(end.PeakResident, c.tree.peakResident())
	} else if err == nil {
		err = errors.New("the process left no status")
	}
	if err != nil && c.cmd.ProcessState != nil && c.cmd.ProcessState.Success() {
		err = fmt.Errorf("read the output: %w", err)
	} else if c.cmd.ProcessState != nil {
		err = nil
	}
	end.Err, end.Left = err, c.tree.left
	c.mu.Lock()
	c.end, c.ended = end, true
	c.mu.Unlock()
}

// PID is the child's process id, to be shown and not to be killed by.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended and its output has been read.
func (c *Child) Done() <-chan struct{} { return c.done }

// End is how the child ended; it is to be called after Done.
func (c *Child) End() End {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Kill ends the child and all of its group or session. The end is awaited on Done.
func (c *Child) Kill() {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if !ended {
		c.tree.kill(c.cmd)
	}
}

// Resident is the memory that the child and what it started hold at this
// moment, in bytes.
func (c *Child) Resident() (int64, error) { return c.tree.resident(c.cmd) }
