package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"innkeeper/agent/state"
)

// taskPurpose keeps a task from ever being valid as a desired document, or
// anything else.
const taskPurpose = "innkeeper task 1\n"

// The bounds of tasks and of what they carry.
const (
	// MaxBinary is the size of the largest guestd that is taken, in bytes.
	MaxBinary = 64 << 20
	// MaxChunk is the size of the largest piece of it that goes over the line
	// at once.
	MaxChunk = 256 << 10
	// maxTaskID and maxVersion are the lengths of the longest id and version.
	maxTaskID  = 64
	maxVersion = 128
	// DefaultUpdateWindow is the time that a new guestd has to reach the
	// platform, unless the platform says otherwise.
	DefaultUpdateWindow = 5 * time.Minute
	maxUpdateWindow     = time.Hour
)

// Taskbell is the subject on which a guest is told that there is a task.
func Taskbell(guest string) string { return "guest." + guest + ".taskbell" }

// Tasks is the subject on which a guest asks for its task.
func Tasks(guest string) string { return "guest." + guest + ".task" }

// Done is the subject on which a guest says what came of a task.
func Done(guest string) string { return "guest." + guest + ".done" }

// Chunks is the subject on which a guest asks for a piece of a new guestd.
func Chunks(guest string) string { return "guest." + guest + ".chunk" }

// Task is something to be done once, now, by a guest that asked for it.
type Task struct {
	// ID is the platform's name for it.
	ID string `json:"id"`
	// Guest is whose it is, and Nonce the guest's own of the request that this
	// answers: a task is good once, for who asked.
	Guest string `json:"guest"`
	Nonce []byte `json:"nonce"`
	// One of these is set.
	Plan   *state.Desired `json:"plan,omitempty"`
	Update *Update        `json:"update,omitempty"`
}

// Update describes a new guestd.
type Update struct {
	// Version is what it says of itself.
	Version string `json:"version"`
	// Target is GOOS/GOARCH of the build.
	Target string `json:"target"`
	// Size and SHA256 are those of the executable.
	Size   int64  `json:"size"`
	SHA256 []byte `json:"sha256"`
	// WindowSeconds is the time that the new guestd has to reach the platform;
	// 0 is DefaultUpdateWindow.
	WindowSeconds int `json:"window_seconds,omitempty"`
}

// Window is the time that the new guestd has to reach the platform.
func (u Update) Window() time.Duration {
	if u.WindowSeconds == 0 {
		return DefaultUpdateWindow
	}
	return time.Duration(u.WindowSeconds) * time.Second
}

// Outcome says what came of a task.
type Outcome struct {
	ID string `json:"id"`
	// Error says why it could not be done, empty if it was.
	Error string `json:"error,omitempty"`
	// Plan answers a task that asked for one.
	Plan *state.Plan `json:"plan,omitempty"`
}

// ChunkRequest asks for a piece of the executable of a task.
type ChunkRequest struct {
	Protocol int    `json:"protocol"`
	ID       string `json:"id"`
	Offset   int64  `json:"offset"`
}

// SealTask signs a task for the guest that sent its nonce.
func SealTask(key ed25519.PrivateKey, t Task) ([]byte, error) {
	document, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return seal(key, taskPurpose, document)
}

// OpenTask gives the task out of an envelope, once it is found to be signed by
// the key's owner for this guest and nonce. It wraps ErrForged if it is not.
func OpenTask(key ed25519.PublicKey, guest string, nonce, sealed []byte) (Task, error) {
	document, err := open(key, taskPurpose, sealed)
	if err != nil {
		return Task{}, err
	}
	var t Task
	if err := decode(document, &t); err != nil {
		return Task{}, fmt.Errorf("it is not a task: %w", err)
	}
	if t.Guest != guest || !bytes.Equal(t.Nonce, nonce) {
		return Task{}, errors.New("it is an answer to another question")
	}
	return t, t.check()
}

func (t Task) check() error {
	switch {
	case t.ID == "" || len(t.ID) > maxTaskID:
		return fmt.Errorf("its id has %d bytes and needs 1 to %d", len(t.ID), maxTaskID)
	case (t.Plan == nil) == (t.Update == nil):
		return errors.New("it is neither a plan nor an update; this guestd knows no other task")
	case t.Update != nil:
		return t.Update.Check()
	}
	return nil
}

// Check says why u cannot be an update, or nil.
func (u Update) Check() error {
	switch {
	case u.Version == "" || len(u.Version) > maxVersion:
		return fmt.Errorf("the update's version has %d bytes and needs 1 to %d", len(u.Version), maxVersion)
	case u.Size <= 0 || u.Size > MaxBinary:
		return fmt.Errorf("the update has %d bytes; 1 to %d are taken", u.Size, MaxBinary)
	case len(u.SHA256) != sha256.Size:
		return errors.New("the update has no SHA-256")
	case u.WindowSeconds < 0 || u.Window() > maxUpdateWindow:
		return fmt.Errorf("the update's window has %d seconds; up to %d are taken", u.WindowSeconds, int(maxUpdateWindow.Seconds()))
	}
	return nil
}

// ParseOutcome reads what a guest says came of a task.
func ParseOutcome(raw []byte) (Outcome, error) {
	var o Outcome
	if len(raw) > MaxReport {
		return o, fmt.Errorf("it has %d bytes; at most %d are read", len(raw), MaxReport)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return Outcome{}, fmt.Errorf("it is not the outcome of a task: %w", err)
	}
	if o.ID == "" || len(o.ID) > maxTaskID {
		return Outcome{}, fmt.Errorf("its id has %d bytes and needs 1 to %d", len(o.ID), maxTaskID)
	}
	return o, nil
}

// ParseChunkRequest reads which piece a guest asks for.
func ParseChunkRequest(raw []byte) (ChunkRequest, error) {
	var r ChunkRequest
	if len(raw) > maxConfirm {
		return r, fmt.Errorf("it has %d bytes; at most %d are read", len(raw), maxConfirm)
	}
	if err := decode(raw, &r); err != nil {
		return ChunkRequest{}, fmt.Errorf("it is not a request for a piece: %w", err)
	}
	if r.Offset < 0 || r.Offset >= MaxBinary {
		return ChunkRequest{}, fmt.Errorf("it asks for what comes after byte %d", r.Offset)
	}
	return r, nil
}
