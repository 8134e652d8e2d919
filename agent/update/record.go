package update

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"innkeeper/agent/state"
)

// Stage is how far an update has come.
type Stage string

// The stages, in their order. RolledBack is the other end.
const (
	// Ready is a new guestd that is here and checked.
	Ready Stage = "ready"
	// Trying is one that is the daemon, until it has proved itself.
	Trying Stage = "trying"
	// Proved is one that has, and does not have the name yet.
	Proved Stage = "proved"
	// Confirmed is one that has the name.
	Confirmed Stage = "confirmed"
	// RolledBack is one that was given up: the old one is the daemon.
	RolledBack Stage = "rolled-back"
)

// Record is the update of a machine, kept over restarts.
type Record struct {
	// ID is the platform's of the task.
	ID string `json:"id"`
	// From and Version are what the old and the new guestd say of themselves.
	From    string `json:"from"`
	Version string `json:"version"`
	// Size and SHA256 are those of the new executable.
	Size   int64  `json:"size"`
	SHA256 []byte `json:"sha256"`
	// Window is the time to reach the platform in, in nanoseconds.
	Window time.Duration `json:"window_ns"`
	Stage  Stage         `json:"stage"`
	// Reason says why it was rolled back.
	Reason string `json:"reason,omitempty"`
}

// The first line of a record's file says what it is and ends with the SHA-256
// of what follows.
const header = "innkeeper update 1 sha256:"

// maxRecord is the size of the largest record that is read, in bytes.
const maxRecord = 64 << 10

func (r Record) encode() ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append([]byte(header+digest(body)+"\n"), body...), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// parse reads a record's file, which a fault may have spoiled.
func parse(raw []byte) (Record, error) {
	if len(raw) > maxRecord {
		return Record{}, fmt.Errorf("it has %d bytes; at most %d are read", len(raw), maxRecord)
	}
	line, body, found := bytes.Cut(raw, []byte("\n"))
	sum, ours := bytes.CutPrefix(line, []byte(header))
	if !found || !ours {
		return Record{}, errors.New("it is not the record of an update")
	}
	if string(sum) != digest(body) {
		return Record{}, errors.New("its checksum is wrong")
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return Record{}, fmt.Errorf("it is not the record of an update: %w", err)
	}
	return r, r.check()
}

func (r Record) check() error {
	switch {
	case r.ID == "" || r.Version == "" || len(r.SHA256) != sha256.Size || r.Size <= 0:
		return errors.New("it does not say of which update it is")
	case r.Window <= 0:
		return errors.New("it has no window")
	}
	switch r.Stage {
	case Ready, Trying, Proved, Confirmed, RolledBack:
		return nil
	}
	return fmt.Errorf("it has the stage %.32q", r.Stage)
}

// load reads the record; the zero Record if there is none.
func (u *Updater) load() (Record, error) {
	raw, err := u.o.Machine.ReadFile(u.recordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("read the record of the update: %w", err)
	}
	r, err := parse(raw)
	if err != nil {
		return Record{}, fmt.Errorf("the record of the update, %s: %w", u.recordFile(), err)
	}
	return r, nil
}

// save makes r the record; after a power cut it is.
func (u *Updater) save(r Record) error {
	raw, err := r.encode()
	if err == nil {
		err = u.o.Machine.WriteFile(u.recordFile(), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the record of the update: %w", err)
	}
	return nil
}

// Report is what the platform is told of the last update, nil if there was
// none or nothing is known of it.
func (u *Updater) Report() *state.Update {
	r, err := u.load()
	if err != nil || r.ID == "" {
		return nil
	}
	s := &state.Update{ID: r.ID, From: r.From, Version: r.Version, Status: state.UpdateTrying, Message: r.Reason}
	switch r.Stage {
	case Confirmed:
		s.Status = state.UpdateConfirmed
	case RolledBack:
		s.Status = state.UpdateRolledBack
	}
	return s
}
