package wire

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// NonceSize is the length of a confirmation's nonce, in bytes.
const NonceSize = 32

// confirmPurpose keeps a confirmation from ever being valid as something else.
const confirmPurpose = "innkeeper confirm 1\n"

// maxConfirm is the size of the largest question or answer that is read.
const maxConfirm = 4 << 10

// Question is what a guest asks on Confirm: whether its platform hears it now.
type Question struct {
	Protocol int `json:"protocol"`
	// Nonce is NonceSize random bytes that were never used before, so that no
	// answer given earlier fits.
	Nonce []byte `json:"nonce"`
}

// confirmation answers a Question.
type confirmation struct {
	Signature []byte `json:"signature"`
}

// Confirm is the subject on which a guest asks its platform for a sign of life.
func Confirm(guest string) string { return "guest." + guest + ".confirm" }

// ParseQuestion reads what a guest asks.
func ParseQuestion(raw []byte) (Question, error) {
	var q Question
	if len(raw) > maxConfirm {
		return q, fmt.Errorf("it has %d bytes; at most %d are read", len(raw), maxConfirm)
	}
	if err := decode(raw, &q); err != nil {
		return Question{}, fmt.Errorf("it is not a request to confirm: %w", err)
	}
	if len(q.Nonce) != NonceSize {
		return Question{}, fmt.Errorf("its nonce has %d bytes and needs %d", len(q.Nonce), NonceSize)
	}
	return q, nil
}

// SignConfirm answers a guest's nonce.
func SignConfirm(key ed25519.PrivateKey, guest string, nonce []byte) ([]byte, error) {
	return json.Marshal(confirmation{Signature: ed25519.Sign(key, confirmed(guest, nonce))})
}

// CheckConfirm is nil if answer is the signature of the key's owner over the
// nonce for this guest, and wraps ErrForged if it is another's.
func CheckConfirm(key ed25519.PublicKey, guest string, nonce, answer []byte) error {
	if len(answer) > maxConfirm {
		return fmt.Errorf("the confirmation has %d bytes; at most %d are read", len(answer), maxConfirm)
	}
	var c confirmation
	if err := decode(answer, &c); err != nil {
		return fmt.Errorf("the confirmation cannot be read: %w", err)
	}
	if len(key) != ed25519.PublicKeySize {
		return errors.New("the platform's key has the wrong length")
	}
	if len(c.Signature) != ed25519.SignatureSize || !ed25519.Verify(key, confirmed(guest, nonce), c.Signature) {
		return fmt.Errorf("the confirmation: %w", ErrForged)
	}
	return nil
}

// confirmed is what is signed. A guest's id has no line feed in it, so where it
// ends is certain.
func confirmed(guest string, nonce []byte) []byte {
	return append([]byte(confirmPurpose+guest+"\n"), nonce...)
}
