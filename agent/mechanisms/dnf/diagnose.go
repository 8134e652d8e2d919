package dnf

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/rpm"
)

// LockError says that somebody else is at work with packages.
type LockError struct {
	// PID is the other's process, or 0 if it is not known.
	PID     int
	Message string
}

// Error implements error.
func (e *LockError) Error() string { return e.Message }

// Error is what dnf said when it failed.
type Error struct {
	// Package is the one that failed, or the word for it, if dnf names it.
	Package string
	// Unknown says that no index has what Package names.
	Unknown bool
	// Repository is that of the agent's own repositories which failed, if dnf
	// names one.
	Repository string
	// Message is what dnf and rpm said.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// locked is dnf's exit status beside another's lock (dnf(8), "EXIT CODES").
const locked = 200

var (
	lockPID     = regexp.MustCompile(`already locked by (\d+)`)
	lockName    = regexp.MustCompile(`(?m)^\s*The application with PID \d+ is: (\S+)`)
	unknownName = regexp.MustCompile(`(?m)^Error: Unable to find a match: (\S+)`)
	failedName  = regexp.MustCompile(`(?m)^Error in (?:PREIN|PREUN|PRETRANS) scriptlet in rpm package (\S+)`)
	unsigned    = regexp.MustCompile(`(?m)^Package (\S+)-[^-\s]+-[^-\s]+ is not signed`)
	protected   = regexp.MustCompile(`removing the following protected packages: ([^\s,]+)`)
	repository  = regexp.MustCompile(`(?:'|"|RPM-GPG-KEY-)` + prefix + `([a-z0-9-]+)`)
)

// diagnose makes an error of what dnf wrote. It ends with 1 for most failures,
// so the words are all there is to tell them apart.
func diagnose(c guest.Command, r guest.Result) error {
	text := string(r.Stderr) + "\n" + string(r.Stdout)
	if found := lockPID.FindStringSubmatch(text); found != nil || r.ExitCode == locked {
		return lockError(text, found)
	}
	if rpm.Locked(text) {
		return &LockError{Message: "somebody has rpm's database open for a change"}
	}
	e := &Error{Message: complaint(text)}
	if e.Message == "" {
		e.Message = fmt.Sprintf("command %s ended with exit status %d", c.Path, r.ExitCode)
	}
	if found := unknownName.FindStringSubmatch(text); found != nil {
		e.Package, e.Unknown = found[1], true
		return e
	}
	for _, pattern := range []*regexp.Regexp{failedName, protected} {
		if found := pattern.FindStringSubmatch(text); found != nil {
			e.Package = found[1]
			return e
		}
	}
	if found := repository.FindStringSubmatch(text); found != nil {
		e.Repository = found[1]
	} else if found := unsigned.FindStringSubmatch(text); found != nil {
		e.Package = found[1]
	}
	return e
}

func lockError(text string, pid []string) error {
	e := &LockError{Message: complaint(text)}
	if pid == nil {
		if e.Message == "" {
			e.Message = "dnf is locked"
		}
		return e
	}
	e.PID, _ = strconv.Atoi(pid[1]) // one that is no number is as none
	e.Message = "the lock is held by process " + pid[1]
	if found := lockName.FindStringSubmatch(text); found != nil {
		e.Message += " (" + found[1] + ")"
	}
	return e
}

// complains says whether a line says what went wrong.
func complains(line string) bool {
	return unsigned.MatchString(line) ||
		slices.ContainsFunc(complaints, func(begin string) bool { return strings.HasPrefix(line, begin) })
}

// most is how much of what dnf said is passed on.
const most = 600

// complaints begin the lines that say what went wrong: dnf's own, rpm's, and
// those of the dependencies.
var complaints = []string{
	"Error: ", "Error in ", "error: ", "Problem", "- ", "The GPG keys", "Public key for",
	"GPG Keys are configured as", "All matches were filtered out", "Malformed lock file",
}

// complaint is what dnf complained of, in one line. What a package's script
// wrote stands before the line in which rpm says that it failed.
func complaint(text string) string {
	var said []string
	before := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "error: %") && before != "" && !strings.HasPrefix(before, "Running scriptlet") {
			said = append(said, before)
		}
		before = line
		if complains(line) {
			said = append(said, strings.TrimPrefix(line, "Error: "))
		}
	}
	all := strings.Join(said, "; ")
	if len(all) > most {
		all = strings.ToValidUTF8(all[:most], "") + " ..."
	}
	return all
}
