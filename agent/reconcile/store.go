package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
)

// store keeps the accepted document on disk in two copies, each with its
// checksum: whatever moment the power goes at, one of them is whole.
type store struct {
	machine guest.Machine
	dir     string
}

// copies are the names of the files, in the order they are written.
var copies = []string{"accepted-a.json", "accepted-b.json"}

// header begins a copy's first line; the SHA-256 of what follows the line
// ends it.
const header = "innkeeper accepted 1 sha256:"

// load reads the newest whole copy. A file that is there and not whole is set
// aside under a name of its own, and notes says so; no document at all is
// revision 0. It never fails: an agent that does not start keeps nothing.
func (s store) load() (newest state.Desired, notes []string) {
	for _, name := range copies {
		path := filepath.Join(s.dir, name)
		d, err := s.read(path)
		switch {
		case err == nil:
			if d.Revision > newest.Revision {
				newest = d
			}
		case errors.Is(err, fs.ErrNotExist):
		default:
			notes = append(notes, s.setAside(path, err))
		}
	}
	return newest, notes
}

func (s store) read(path string) (state.Desired, error) {
	raw, err := s.machine.ReadFile(path)
	if err != nil {
		return state.Desired{}, err
	}
	return parseCopy(raw)
}

func parseCopy(raw []byte) (state.Desired, error) {
	line, document, found := bytes.Cut(raw, []byte("\n"))
	sum, ours := bytes.CutPrefix(line, []byte(header))
	if !found || !ours {
		return state.Desired{}, errors.New("it is not a copy of an accepted document")
	}
	if want := checksum(document); string(sum) != want {
		return state.Desired{}, errors.New("its checksum is wrong")
	}
	return state.ParseDesired(document)
}

// setAside moves an unreadable copy out of the way, over one set aside before,
// so that they do not pile up.
func (s store) setAside(path string, why error) string {
	aside := path + ".unreadable"
	note := fmt.Sprintf("%s could not be read (%v)", path, why)
	raw, err := s.machine.ReadFile(path)
	if err == nil {
		err = s.machine.WriteFile(aside, raw, 0o600)
	}
	if err == nil {
		err = s.machine.Remove(path)
	}
	if err != nil {
		return note + " and could not be set aside: " + err.Error()
	}
	return note + " and was set aside as " + aside
}

// save makes d the accepted document. When it returns nil, d will be found
// after a power cut. The second copy is not worth refusing the document for.
func (s store) save(d state.Desired) error {
	document, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the document: %w", err)
	}
	raw := append([]byte(header+checksum(document)+"\n"), document...)
	if err := s.machine.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("keep the document: %w", err)
	}
	var failures []error
	for _, name := range copies {
		if err := s.machine.WriteFile(filepath.Join(s.dir, name), raw, 0o600); err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) == len(copies) {
		return fmt.Errorf("keep the document: %w", failures[0])
	}
	return nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
