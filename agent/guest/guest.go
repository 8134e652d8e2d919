// Package guest is the narrow waist between the agent and the machine it runs
// on: every file a driver reads or writes and every command it runs goes
// through Machine, so that each driver can be tested on any operating system
// and each of its calls can be made to fail.
package guest

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Machine is the machine a driver works on. Paths are absolute and in the
// machine's own notation. Errors of the file calls satisfy errors.Is with
// fs.ErrNotExist, fs.ErrExist and fs.ErrPermission where those apply.
type Machine interface {
	// ReadFile returns the whole content of a file.
	ReadFile(path string) ([]byte, error)
	// WriteFile replaces the file at path with data in one step: a reader, or
	// the next boot after a power cut, finds the old content or the new and
	// nothing else. Mode is the new file's permissions; the owner of a file
	// that was there is kept. A symbolic link at path is followed, so that it
	// stays a link. The directory must exist.
	WriteFile(path string, data []byte, mode fs.FileMode) error
	// Remove deletes a file, link or empty directory.
	Remove(path string) error
	// Stat describes what path names, following symbolic links.
	Stat(path string) (fs.FileInfo, error)
	// ReadDir lists a directory, sorted by name.
	ReadDir(path string) ([]fs.DirEntry, error)
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(path string, mode fs.FileMode) error
	// Readlink returns what a symbolic link points to.
	Readlink(path string) (string, error)
	// Symlink makes path a symbolic link to target, replacing in one step a
	// file or link that is there.
	Symlink(target, path string) error
	// Run runs a command to its end. A command that ran and returned a status
	// other than 0 is a Result and no error; an error means that it could not
	// be started, was cut off by its deadline (*DeadlineError), or ctx ended.
	Run(ctx context.Context, c Command) (Result, error)
	// Now is the machine's wall clock.
	Now() time.Time
}

// DefaultDeadline is the time a Command without a Deadline gets.
const DefaultDeadline = 30 * time.Second

// DefaultOutputLimit is how much of each of its two streams is kept of a
// Command without an OutputLimit.
const DefaultOutputLimit = 1 << 20

// Command is a program to run and what it may cost.
type Command struct {
	// Path is the program: absolute, or a name looked up in PATH.
	Path string
	// Args are its arguments, without the program's own name.
	Args []string
	// Env is added to the environment of the agent; LC_ALL=C is always set so
	// that output can be read, unless Env sets it otherwise.
	Env []string
	// Dir is the working directory, or empty for the root directory.
	Dir string
	// Stdin is what the program reads on its standard input.
	Stdin []byte
	// Deadline bounds the run, after which the program and all it started are
	// killed; 0 means DefaultDeadline.
	Deadline time.Duration
	// OutputLimit is how many bytes are kept of each of stdout and stderr; the
	// rest is read and dropped. 0 means DefaultOutputLimit.
	OutputLimit int
}

// String is the command as one would type it, for messages and plans. It does
// not show Env or Stdin, where secrets may be.
func (c Command) String() string {
	words := make([]string, 0, len(c.Args)+1)
	for _, w := range append([]string{c.Path}, c.Args...) {
		if w == "" || strings.ContainsAny(w, " \t\n\"'$`\\|&;<>()*?#") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// Result is what a command that ran left behind.
type Result struct {
	// ExitCode is the exit status; -1 when a signal ended the program.
	ExitCode int
	// Signal names the signal that ended the program, if one did.
	Signal string
	Stdout []byte
	Stderr []byte
	// Truncated says that output beyond the limit was dropped.
	Truncated bool
}

// DeadlineError says that a command was killed because it took too long.
type DeadlineError struct {
	Command  string
	Deadline time.Duration
	Stderr   []byte
}

// Error implements error.
func (e *DeadlineError) Error() string {
	return fmt.Sprintf("command %s did not end within %s and was killed%s", e.Command, e.Deadline, lastLine(e.Stderr))
}

// ExitError says that a command ended with a status its caller did not expect.
type ExitError struct {
	Command  string
	ExitCode int
	Signal   string
	Stderr   []byte
}

// Error implements error.
func (e *ExitError) Error() string {
	how := fmt.Sprintf("ended with exit status %d", e.ExitCode)
	if e.Signal != "" {
		how = "was ended by signal " + e.Signal
	}
	return fmt.Sprintf("command %s %s%s", e.Command, how, lastLine(e.Stderr))
}

// Output runs a command that must end with status 0 and returns its standard
// output; any other end is an *ExitError with the last line of its stderr.
func Output(ctx context.Context, m Machine, path string, args ...string) ([]byte, error) {
	c := Command{Path: path, Args: args}
	r, err := m.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.Stdout, Check(c, r)
}

// Check is nil for a result with status 0 and an *ExitError otherwise.
func Check(c Command, r Result) error {
	if r.ExitCode == 0 {
		return nil
	}
	diagnosis := r.Stderr
	if len(strings.TrimSpace(string(diagnosis))) == 0 {
		diagnosis = r.Stdout
	}
	return &ExitError{Command: c.String(), ExitCode: r.ExitCode, Signal: r.Signal, Stderr: diagnosis}
}

// lastLine is ": " and the last line that is not blank, or nothing.
func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	const most = 300
	if len(last) > most {
		last = last[:most] + " ..."
	}
	return ": " + last
}
