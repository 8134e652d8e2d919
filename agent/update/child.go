package update

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"innkeeper/agent/guest/process"
)

// stopping is how long a new guestd may take to end when it is told to: it
// lets a plugin end that must not be killed.
const stopping = 20 * time.Second

// child is a new guestd that runs as a process. The system ends it when the
// old one is killed, whatever the new one does.
type child struct {
	process *process.Child
	input   *os.File // its end is the word to end
	hearing *hearing
}

// Launch starts a guestd as one that is tried, with these arguments. What it
// writes to its standard error goes to stderr.
func Launch(path string, args []string, nonce []byte, stderr io.Writer) (Child, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	c := &child{input: ours, hearing: &hearing{proof: make(chan []byte, 1)}}
	cmd := exec.Command(path, args...)
	c.process, err = process.Start(cmd, process.Options{
		Input: theirs, Stdout: c.hearing, Stderr: stderr, Group: process.OwnSession, EndWithParent: true,
	})
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	if _, err := ours.Write(say(nonceWord, nonce)); err != nil {
		c.Stop()
		return nil, fmt.Errorf("give it the nonce: %w", err)
	}
	return c, nil
}

// Proof implements Child.
func (c *child) Proof() <-chan []byte { return c.hearing.proof }

// Done implements Child.
func (c *child) Done() <-chan struct{} { return c.process.Done() }

// End implements Child.
func (c *child) End() string {
	end := c.process.End()
	switch {
	case end.Err != nil:
		return end.Err.Error()
	case end.Signal != "":
		return "signal " + end.Signal
	}
	return fmt.Sprintf("exit status %d", end.ExitCode)
}

// Stop implements Child.
func (c *child) Stop() {
	_ = c.input.Close()
	patience := time.NewTimer(stopping)
	defer patience.Stop()
	select {
	case <-c.process.Done():
	case <-patience.C:
		c.process.Kill()
		<-c.process.Done()
	}
}
