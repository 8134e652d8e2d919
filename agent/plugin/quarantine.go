package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// quarantineAfter is how many crashes in a row end the tries of a program.
const quarantineAfter = 5

// Quarantine keeps the program of one section from being tried again that
// crashes each time it is tried: until the document's revision or the
// program's file changes, or the agent is started anew. Its zero value has seen
// no crash. It is for one goroutine.
type Quarantine struct {
	revision uint64
	path     string
	file     fs.FileInfo
	crashes  int
	last     error
}

// QuarantinedError says that a program is not tried again, and why.
type QuarantinedError struct {
	Section  string
	Path     string
	Revision uint64
	// Crashes is how often it crashed, Last how it did the last time.
	Crashes int
	Last    error
}

// Error implements error.
func (e *QuarantinedError) Error() string {
	return fmt.Sprintf("the %s plugin is in quarantine: it crashed %d times on revision %d and is not tried again until the document or the file %s changes; at last %v",
		e.Section, e.Crashes, e.Revision, e.Path, e.Last)
}

// Unwrap is how it crashed the last time.
func (e *QuarantinedError) Unwrap() error { return e.Last }

// Admit is called before a try of p for a revision. It is a *QuarantinedError
// if the try must not be made; nothing is to be told to Ended then.
func (q *Quarantine) Admit(p Program, revision uint64) error {
	file, err := os.Stat(p.Path)
	if err != nil {
		file = nil // its start will say why
	}
	if q.revision != revision || q.path != p.Path || !unchanged(q.file, file) {
		*q = Quarantine{revision: revision, path: p.Path, file: file}
	}
	if q.crashes < quarantineAfter {
		return nil
	}
	return &QuarantinedError{p.Section, p.Path, revision, q.crashes, q.last}
}

// Ended is told what the admitted try came to: nil forgets all crashes, a
// crash counts, and any other error, one that the plugin told itself or that
// is of the machine, changes nothing.
func (q *Quarantine) Ended(err error) {
	switch {
	case err == nil:
		q.crashes, q.last = 0, nil
	case crashed(err):
		q.crashes++
		q.last = err
	}
}

// crashed says whether an error of a call is the program's fault for certain:
// it ended without an answer, or was ended for what it cost or wrote. One that
// is late is not: the machine or the network may be slow.
func crashed(err error) bool {
	var (
		crash    *CrashError
		memory   *MemoryError
		flood    *FloodError
		protocol *ProtocolError
	)
	return errors.As(err, &crash) || errors.As(err, &memory) || errors.As(err, &flood) || errors.As(err, &protocol)
}

func unchanged(a, b fs.FileInfo) bool { return a == nil && b == nil || b != nil && sameFile(a, b) }
