// Package wire is the language of the line between platform and guest, which
// both ends speak: subjects, join file, signed documents, limits. It moves
// nothing itself. docs/protocol.md tells the whole.
package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"innkeeper/agent/state"
)

// Protocol is the version that a guest says it speaks in its requests.
const Protocol = 1

// ServerName is the DNS name in the platform's certificate, whatever address
// it is dialled by: a platform that moves, or has several addresses, needs no
// new certificate. The domain is reserved for private use (ICANN resolution
// 2024.07.29.06).
const ServerName = "platform.innkeeper.internal"

// The limits of what goes over the line.
const (
	// MaxReport is the size of the largest report, in bytes.
	MaxReport = state.MaxDocument
	// MaxEnvelope is the size of the largest signed document: its base64 is a
	// third longer than the document, and there is a signature.
	MaxEnvelope = (state.MaxDocument+2)/3*4 + 1024
	// MaxPayload is what the platform's server lets through at all. It is
	// above the other limits so that what exceeds those is refused with a
	// reason and does not break the connection.
	MaxPayload = 2 << 20
)

// RequestTimeout is how long either end waits for an answer. A guest under
// emulation, with five others beside it, takes seconds for what takes others
// a millisecond.
const RequestTimeout = 20 * time.Second

// ErrorHeader is the header of a reply that says in words why the platform
// could not answer.
const ErrorHeader = "Innkeeper-Error"

// IDHeader is the header with a report's id. A report that is sent again
// because its acknowledgement was lost has the same one and is stored once.
const IDHeader = "Nats-Msg-Id"

// Doorbell is the subject on which a guest is told its newest revision.
func Doorbell(guest string) string { return "guest." + guest + ".doorbell" }

// Desired is the subject on which a guest asks for its signed document.
func Desired(guest string) string { return "guest." + guest + ".desired" }

// Reported is the subject on which a guest reports.
func Reported(guest string) string { return "guest." + guest + ".reported" }

// InboxPrefix begins the subjects on which a guest, and no other, receives
// answers.
func InboxPrefix(guest string) string { return "_INBOX_" + guest }

// Ring is the message on the doorbell. It is not signed: all it can do is make
// the guest fetch its document.
type Ring struct {
	Revision uint64 `json:"revision"`
}

// Request is what a guest asks for its document with.
type Request struct {
	Protocol int `json:"protocol"`
	// Accepted is the revision in force on the guest, 0 for none.
	Accepted uint64 `json:"accepted"`
}

// CheckGuest says why id cannot be a guest's, or nil. It is one token of a
// subject.
func CheckGuest(id string) error {
	d := state.Desired{Revision: 1, Guest: id, Sections: map[string]json.RawMessage{}}
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%q is not a guest's id: it needs 1 to 64 letters, digits, '-' or '_'", id)
	}
	return nil
}
