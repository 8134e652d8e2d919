package plugin

import (
	"fmt"
	"strings"
	"time"

	"innkeeper/agent/systems/section"
)

// Call names an operation of a section's plugin in errors.
type Call struct {
	Section   string
	Operation section.Operation
}

// String implements fmt.Stringer.
func (c Call) String() string { return fmt.Sprintf("the %s plugin's %s", c.Section, c.Operation) }

// CrashError says that the plugin ended without an answer.
type CrashError struct {
	Call
	// ExitCode is the exit status, -1 when Signal ended it.
	ExitCode int
	Signal   string
	// Stderr is the last of what the plugin logged.
	Stderr string
}

// Error implements error.
func (e *CrashError) Error() string {
	how := fmt.Sprintf("ended with exit status %d", e.ExitCode)
	if e.Signal != "" {
		how = "crashed with " + e.Signal
	}
	return fmt.Sprintf("%s %s and gave no result%s", e.Call, how, behind(e.Stderr))
}

// DeadlineError says that the plugin took too long and was killed.
type DeadlineError struct {
	Call
	Deadline time.Duration
	Stderr   string
}

// Error implements error.
func (e *DeadlineError) Error() string {
	return fmt.Sprintf("%s did not end within %s and was killed%s", e.Call, e.Deadline, behind(e.Stderr))
}

// StuckError says that the plugin took too long and must not be killed: it is
// left to end, and until then nothing new is begun on its section.
type StuckError struct {
	Call
	Since time.Time
}

// Error implements error.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%s is stuck: it runs since %s and must not be killed; waiting for its end", e.Call, e.Since.UTC().Format(time.RFC3339))
}

// FloodError says that the plugin wrote more than it may and was killed.
type FloodError struct {
	Call
	Stream string
	Limit  int64
}

// Error implements error.
func (e *FloodError) Error() string {
	return fmt.Sprintf("%s wrote more than %s to its %s and was killed", e.Call, size(e.Limit), e.Stream)
}

// MemoryError says that the plugin needed more memory than it may have.
type MemoryError struct {
	Call
	Limit int64
	// Seen is the most that was seen in use, in bytes.
	Seen int64
}

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s ran out of memory: it used %s, and %s are allowed", e.Call, size(e.Seen), size(e.Limit))
}

// ProtocolError says that what the plugin wrote is not of the protocol.
type ProtocolError struct {
	Call
	Problem string
	Stderr  string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s broke the protocol: %s%s", e.Call, e.Problem, behind(e.Stderr))
}

// behind is ": " and the last line of a log, or nothing.
func behind(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	const most = 200
	if len(last) > most {
		last = strings.ToValidUTF8(last[:most], "") + " ..."
	}
	return ": " + last
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
