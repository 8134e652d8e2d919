package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"innkeeper/agent/guest/process"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// The bounds of a call, as docs/plugin-protocol.md gives them.
const (
	defaultDeadline = time.Minute
	outputLimit     = 1 << 20
)

// answer is what one call came to.
type answer struct {
	result json.RawMessage
	// refusal is an error that the plugin told itself.
	refusal *section.Error
	took    time.Duration
}

// request is what is written to the plugin; fields may be added and left out
// at will, as a newer or an older daemon would.
type request map[string]any

// call makes a request and reads the answer. An error says what is not of the
// protocol.
func (x *examination) call(ctx context.Context, q request) (answer, error) {
	raw, err := json.Marshal(q)
	if err != nil {
		return answer{}, fmt.Errorf("encode the request: %w", err)
	}
	return x.send(ctx, append(raw, '\n'), 0)
}

// send writes raw to a new process of the plugin. If cut is not 0 the plugin is
// killed after that time, which is no error.
func (x *examination) send(ctx context.Context, raw []byte, cut time.Duration) (answer, error) {
	deadline := x.deadline()
	overflow := make(chan struct{})
	stdout := &process.Capped{Limit: outputLimit, Overflow: func() { close(overflow) }}
	stderr := &process.Capped{Limit: 64 << 10}
	cmd := exec.Command(x.o.Path)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+x.dir, "TEMP="+x.dir, "TMP="+x.dir)
	begun := time.Now()
	child, err := process.Start(cmd, process.Options{
		Stdin: raw, Stdout: stdout, Stderr: stderr, EndWithParent: true, Group: x.reach(),
	})
	if err != nil {
		return answer{}, fmt.Errorf("it cannot be started: %w", err)
	}
	limit := deadline
	if cut != 0 {
		limit = cut
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	var ended error
	select {
	case <-child.Done():
	case <-overflow:
		ended = fmt.Errorf("it wrote more than %d bytes to its standard output; that is for the answer only, the log goes to standard error", outputLimit)
	case <-late.C:
		ended = fmt.Errorf("it did not end within %s%s; it must read standard input to its end, answer, and end", deadline, said(stderr))
	case <-ctx.Done():
		ended = fmt.Errorf("interrupted: %w", ctx.Err())
	}
	child.Kill()
	<-child.Done()
	a := answer{took: time.Since(begun)}
	if ended != nil && cut != 0 {
		return a, nil
	}
	if ended != nil {
		return a, ended
	}
	return a, x.judge(&a, child.End(), stdout.Bytes(), stderr)
}

// judge reads the output of a call that ended by itself.
func (x *examination) judge(a *answer, end process.End, stdout []byte, stderr *process.Capped) error {
	if end.Err != nil {
		return fmt.Errorf("await its end: %w", end.Err)
	}
	how := fmt.Sprintf("exit status %d", end.ExitCode)
	if end.Signal != "" {
		how = "signal " + end.Signal
	}
	var err error
	a.result, err = plugin.ParseReply(stdout)
	switch {
	case errors.As(err, &a.refusal):
		if err := codeOf(stdout); err != nil {
			return err
		}
	case err != nil && end.ExitCode != 0:
		return fmt.Errorf("it ended with %s and without an answer%s; what goes wrong is to be told in a line of the type error", how, said(stderr))
	case err != nil:
		return fmt.Errorf("its standard output is not of the protocol: %w%s", err, said(stderr))
	case end.ExitCode != 0:
		return fmt.Errorf("it gave a result and ended with %s%s; with a result the exit status is 0, and what failed is an error", how, said(stderr))
	}
	if end.Left > 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("it left %d processes running, which are killed; what has to run for long is a service of the system's, and where those are started by scripts the description says starts_services", end.Left)
	}
	return nil
}

// codeOf says what is wrong with the code of an error line; the daemon takes
// one that it does not know for failed.
func codeOf(stdout []byte) error {
	for line := range bytes.Lines(stdout) {
		var l plugin.Line
		if json.Unmarshal(line, &l) != nil || l.Error == nil {
			continue
		}
		switch l.Error.Code {
		case section.Invalid, section.Unsupported, section.Busy, section.Failed:
		default:
			return fmt.Errorf("its error has the code %q; known are invalid, unsupported, busy, failed", l.Error.Code)
		}
	}
	return nil
}

func (x *examination) deadline() time.Duration {
	switch {
	case x.o.Deadline > 0:
		return x.o.Deadline
	case x.described.DeadlineSeconds > 0:
		return time.Duration(x.described.DeadlineSeconds) * time.Second
	}
	return defaultDeadline
}

func (x *examination) reach() process.Group {
	if x.described.StartsServices {
		return process.OwnSession
	}
	return process.OwnTree
}

// said is the last line of a log, for a message.
func said(stderr *process.Capped) string {
	lines := strings.Split(strings.TrimSpace(string(stderr.Bytes())), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	const most = 200
	if len(last) > most {
		last = strings.ToValidUTF8(last[:most], "") + " ..."
	}
	return fmt.Sprintf(" (it logged: %s)", last)
}
