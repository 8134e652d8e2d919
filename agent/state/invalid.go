package state

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing wrong with a document.
type Problem struct {
	// Path names the field, "network.interfaces[0].addresses[1]"; it begins
	// with the section's name for what is in a section, and is empty when the
	// document as a whole is meant.
	Path string `json:"path,omitempty"`
	// Message says what is wrong with it.
	Message string `json:"message"`
}

// String is the path and the message in one line.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// InvalidError says all that is wrong with a document.
type InvalidError struct {
	Problems []Problem
}

// Error implements error with all problems in one line.
func (e *InvalidError) Error() string {
	return "invalid document: " + strings.Join(e.Reasons(), "; ")
}

// Reasons has one line per problem, each beginning with the field's path.
func (e *InvalidError) Reasons() []string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

// mostProblems bounds how many problems are told: a hostile document could
// have one in every byte.
const mostProblems = 50

// problems collects what is wrong while a document is walked.
type problems struct {
	list    []Problem
	dropped int
}

func (ps *problems) add(path, format string, args ...any) {
	if len(ps.list) >= mostProblems {
		ps.dropped++
		return
	}
	ps.list = append(ps.list, Problem{Path: clip(path, 200), Message: fmt.Sprintf(format, args...)})
}

// err is nil when nothing was added.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	list := ps.list
	if ps.dropped > 0 {
		list = append(list, Problem{Message: fmt.Sprintf("and %d more", ps.dropped)})
	}
	return &InvalidError{Problems: list}
}

// quoted is s in quotes, shortened so that a report stays readable.
func quoted(s string) string { return strconv.Quote(clip(s, 80)) }

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "..."
}
