// Package journal keeps on disk what undoes the change that is being made, so
// that a daemon that is killed, or a machine that loses its power, in the
// middle of it finds the way back.
//
// A record is one file of the state directory, journal/section-NAME, written whole
// and made durable before the first change, and removed after the last. There
// is one record at most for a section. Files and not a database: see
// docs/decisions/0009-a-journal-of-files.md.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
)

// Record is a change that has begun and has not ended.
type Record struct {
	// Section and Revision are what the change is of.
	Section  string `json:"section"`
	Revision uint64 `json:"revision"`
	// Program is the section's plugin, whose restore undoes the change.
	Program plugin.Program `json:"program"`
	// Checkpoint is that of the plan. It may hold secrets.
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
	// Begun is the machine's wall clock when the change began, for messages.
	Begun time.Time `json:"begun"`
}

// Journal is the records of one state directory.
type Journal struct {
	machine guest.Machine
	dir     string
}

// directory is the journal's below the state directory.
const directory = "journal"

// New makes a Journal; nothing is touched until it is used.
func New(machine guest.Machine, stateDir string) *Journal {
	return &Journal{machine: machine, dir: filepath.Join(stateDir, directory)}
}

// header begins a record's first line; the SHA-256 of what follows the line
// ends it.
const header = "innkeeper transaction 1 sha256:"

// prefix begins a record's file name: a section may be called as no file on
// Windows may be (con, nul).
const prefix = "section-"

// aside ends the name of a file that could not be read.
const aside = ".unreadable"

// Begin writes a record. When it returns nil, a power cut does not lose it.
// After an error nothing must be changed.
func (j *Journal) Begin(r Record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("journal the change of section %q: %w", r.Section, err)
	}
	raw := append([]byte(header+checksum(body)+"\n"), body...)
	if err := j.machine.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("journal the change of section %q: %w", r.Section, err)
	}
	if err := j.machine.WriteFile(j.path(r.Section), raw, 0o600); err != nil {
		return fmt.Errorf("journal the change of section %q: %w", r.Section, err)
	}
	return nil
}

// End removes a section's record: its change is whole, or undone. No record is
// no error.
func (j *Journal) End(section string) error {
	err := j.machine.Remove(j.path(section))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the journal of section %q: %w", section, err)
	}
	return nil
}

// Open are the records of changes that have not ended, by section. A file that
// cannot be read is set aside, over one that was set aside before, and told in
// notes: it never keeps the daemon from its work.
func (j *Journal) Open() (open map[string]Record, notes []string) {
	entries, err := j.machine.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("the journal %s could not be read, so that a change that was cut short is not undone: %v", j.dir, err)}
	}
	open = map[string]Record{}
	for _, e := range entries {
		section, ours := strings.CutPrefix(e.Name(), prefix)
		if e.IsDir() || !ours || strings.HasSuffix(section, aside) {
			continue
		}
		r, err := j.read(section)
		if err != nil {
			notes = append(notes, j.setAside(section, err))
			continue
		}
		open[r.Section] = r
	}
	return open, notes
}

func (j *Journal) read(section string) (Record, error) {
	raw, err := j.machine.ReadFile(j.path(section))
	if err != nil {
		return Record{}, err
	}
	r, err := parse(raw)
	if err == nil && r.Section != section {
		err = fmt.Errorf("it is of section %q", r.Section)
	}
	return r, err
}

func parse(raw []byte) (Record, error) {
	line, body, found := bytes.Cut(raw, []byte("\n"))
	sum, ours := bytes.CutPrefix(line, []byte(header))
	if !found || !ours {
		return Record{}, errors.New("it is not a record of the journal")
	}
	if string(sum) != checksum(body) {
		return Record{}, errors.New("its checksum is wrong")
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return Record{}, err
	}
	if r.Section == "" || r.Program.Path == "" {
		return Record{}, errors.New("it names no section or no program")
	}
	return r, nil
}

func (j *Journal) setAside(section string, why error) string {
	path := j.path(section)
	note := fmt.Sprintf("the journal's record %s could not be read (%v), so that a change that was cut short may stay half made", path, why)
	raw, err := j.machine.ReadFile(path)
	if err == nil {
		err = j.machine.WriteFile(path+aside, raw, 0o600)
	}
	if err == nil {
		err = j.machine.Remove(path)
	}
	if err != nil {
		return note + "; it could not be set aside: " + err.Error()
	}
	return note + "; it was set aside as " + path + aside
}

func (j *Journal) path(section string) string { return filepath.Join(j.dir, prefix+section) }

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
