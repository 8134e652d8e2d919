package guardian

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// longest is the most that a window can be.
const longest = 24 * time.Hour

// newID is a name for an order. Those of later revisions sort last.
func newID(revision uint64) string {
	return fmt.Sprintf("%016x-%s", revision, rand.Text()[:8])
}

var idForm = regexp.MustCompile(`^[0-9a-f]{16}-[A-Z2-7]{8}$`)

// record is an order as it lies on the disk.
type record struct {
	Order
	Boot  string
	Until time.Duration
}

// written is the form of a record. It is our own and not that of the types it
// is made of: the guardian may be of another version than the daemon.
type written struct {
	Section    string          `json:"section"`
	Revision   uint64          `json:"revision"`
	Program    writtenProgram  `json:"program"`
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
	WindowNS   int64           `json:"window_ns"`
	Boot       string          `json:"boot,omitempty"`
	UntilNS    int64           `json:"until_ns"`
}

type writtenProgram struct {
	Path        string              `json:"path"`
	Args        []string            `json:"args,omitempty"`
	Builtin     bool                `json:"builtin,omitempty"`
	Description section.Description `json:"description"`
}

func (r record) check() error {
	switch {
	case r.Section == "":
		return errors.New("the order names no section")
	case r.Program.Path == "":
		return errors.New("the order names no program")
	case r.Window <= 0 || r.Window > longest:
		return fmt.Errorf("the order's window of %s is not more than 0 and at most %s", r.Window, longest)
	case r.Until < 0:
		return fmt.Errorf("the order's deadline, %s, is before the machine's start", r.Until)
	}
	return nil
}

func (r record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return seal("order", written{
		Section: r.Section, Revision: r.Revision, Checkpoint: r.Checkpoint,
		Program: writtenProgram{
			Path: r.Program.Path, Args: r.Program.Args,
			Builtin: r.Program.Builtin, Description: r.Program.Description,
		},
		WindowNS: int64(r.Window), Boot: r.Boot, UntilNS: int64(r.Until),
	})
}

func parseOrder(raw []byte) (record, error) {
	var w written
	if err := open("order", raw, &w); err != nil {
		return record{}, err
	}
	r := record{
		Order: Order{
			Section: w.Section, Revision: w.Revision, Checkpoint: w.Checkpoint,
			Program: plugin.Program{
				Section: w.Section, Path: w.Program.Path, Args: w.Program.Args,
				Builtin: w.Program.Builtin, Description: w.Program.Description,
			},
			Window: time.Duration(w.WindowNS),
		},
		Boot: w.Boot, Until: time.Duration(w.UntilNS),
	}
	return r, r.check()
}

// deadline is when an order fires.
type deadline struct {
	Boot  string
	Until time.Duration
}

type writtenDeadline struct {
	Boot    string `json:"boot,omitempty"`
	UntilNS int64  `json:"until_ns"`
}

func (d deadline) encode() ([]byte, error) {
	return seal("deadline", writtenDeadline{d.Boot, int64(d.Until)})
}

func parseDeadline(raw []byte) (deadline, error) {
	var w writtenDeadline
	err := open("deadline", raw, &w)
	return deadline{w.Boot, time.Duration(w.UntilNS)}, err
}

// left is the time until the deadline, none if it is of another start of the
// machine or further off than can be.
func (d deadline) left(now Instant) time.Duration {
	left := d.Until - now.Up
	if d.Boot != now.Boot || left > longest {
		return 0
	}
	return max(left, 0)
}

// writtenOutcome is what came of an order, as it lies on the disk.
type writtenOutcome struct {
	Section  string `json:"section"`
	Revision uint64 `json:"revision"`
	Reason   string `json:"reason"`
	Error    string `json:"error,omitempty"`
}

func (o Outcome) encode() ([]byte, error) {
	w := writtenOutcome{Section: o.Section, Revision: o.Revision, Reason: o.Reason}
	if o.Err != nil {
		w.Error = o.Err.Error()
	}
	return seal("outcome", w)
}

func parseOutcome(raw []byte) (Outcome, error) {
	var w writtenOutcome
	if err := open("outcome", raw, &w); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Section: w.Section, Revision: w.Revision, Reason: w.Reason}
	if w.Error != "" {
		o.Err = errors.New(w.Error)
	}
	return o, nil
}

// A file is one line that says what it is and ends with the SHA-256 of what
// follows it, and JSON.
func header(kind string) []byte { return []byte("innkeeper guardian " + kind + " 1 sha256:") }

func seal(kind string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the %s: %w", kind, err)
	}
	return append(append(append(header(kind), checksum(body)...), '\n'), body...), nil
}

func open(kind string, raw []byte, v any) error {
	line, body, found := bytes.Cut(raw, []byte("\n"))
	sum, ours := bytes.CutPrefix(line, header(kind))
	if !found || !ours {
		return fmt.Errorf("it is not an %s of a guardian", kind)
	}
	if string(sum) != string(checksum(body)) {
		return errors.New("its checksum is wrong")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("it is not an %s of a guardian: %w", kind, err)
	}
	return nil
}

func checksum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return hex.AppendEncode(nil, sum[:])
}
