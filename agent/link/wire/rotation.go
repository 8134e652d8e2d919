package wire

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// rotationPurpose keeps the signature over a new key from ever being valid as
// something else.
const rotationPurpose = "innkeeper rotation 1\n"

// The bounds of what is told about keys.
const (
	// MaxRotations is how many rotations a guest follows at once. One a day
	// for ten years is fewer.
	MaxRotations  = 4096
	maxKeyRequest = 4 << 10
	maxRotations  = 1 << 20
)

// Rotation makes a new key the platform's.
type Rotation struct {
	// Key is the new Ed25519 public key.
	Key []byte `json:"key"`
	// Signature is that of the key before over both.
	Signature []byte `json:"signature"`
}

// KeyRequest is what a guest asks for the platform's newest key with.
type KeyRequest struct {
	Protocol int `json:"protocol"`
	// Key is the one the guest holds for the platform's.
	Key []byte `json:"key"`
}

// rotations is the answer to a KeyRequest.
type rotations struct {
	Rotations []Rotation `json:"rotations"`
}

// Key is the subject on which a guest asks for the platform's newest key.
func Key(guest string) string { return "guest." + guest + ".key" }

// SignRotation has the old key say that the new one is the platform's.
func SignRotation(old ed25519.PrivateKey, fresh ed25519.PublicKey) Rotation {
	return Rotation{Key: fresh, Signature: ed25519.Sign(old, rotated(old.Public().(ed25519.PublicKey), fresh))}
}

func rotated(old, fresh ed25519.PublicKey) []byte {
	return append(append([]byte(rotationPurpose), old...), fresh...)
}

// Follow is the key that a chain of rotations leads to from key, each signed
// by the one before it. One that is broken leads nowhere.
func Follow(key ed25519.PublicKey, chain []Rotation) (ed25519.PublicKey, error) {
	if len(chain) > MaxRotations {
		return nil, fmt.Errorf("there are %d rotations; at most %d are followed", len(chain), MaxRotations)
	}
	for i, r := range chain {
		if len(key) != ed25519.PublicKeySize || len(r.Key) != ed25519.PublicKeySize || len(r.Signature) != ed25519.SignatureSize ||
			!ed25519.Verify(key, rotated(key, r.Key), r.Signature) {
			return nil, fmt.Errorf("rotation %d of %d: %w", i+1, len(chain), ErrForged)
		}
		key = r.Key
	}
	return key, nil
}

// ParseKeyRequest reads what a guest asks.
func ParseKeyRequest(raw []byte) (KeyRequest, error) {
	var r KeyRequest
	if len(raw) > maxKeyRequest {
		return r, fmt.Errorf("it has %d bytes; at most %d are read", len(raw), maxKeyRequest)
	}
	if err := decode(raw, &r); err != nil {
		return KeyRequest{}, fmt.Errorf("it is not a request for the key: %w", err)
	}
	if len(r.Key) != ed25519.PublicKeySize {
		return KeyRequest{}, errors.New("its key has the wrong length")
	}
	return r, nil
}

// EncodeRotations is the answer to a KeyRequest: the chain from the key in it
// to the newest.
func EncodeRotations(chain []Rotation) ([]byte, error) {
	if chain == nil {
		chain = []Rotation{}
	}
	return json.Marshal(rotations{chain})
}

// ParseRotations reads the answer to a KeyRequest. Who signed it is for Follow.
func ParseRotations(raw []byte) ([]Rotation, error) {
	if len(raw) > maxRotations {
		return nil, fmt.Errorf("the rotations have %d bytes; at most %d are read", len(raw), maxRotations)
	}
	var r rotations
	if err := decode(raw, &r); err != nil {
		return nil, fmt.Errorf("the rotations cannot be read: %w", err)
	}
	return r.Rotations, nil
}
