// Package mirror makes the package repositories that the lab's mirror serves:
// packages of our own, small and made anew for each run, signed as a vendor
// signs his. It knows the repositories' formats and nothing of guests.
package mirror

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// made is when all was made and signed: long ago, because a guest's clock may
// be behind ours.
var made = time.Date(2024, 4, 25, 0, 0, 0, 0, time.UTC)

// Key signs repositories.
type Key struct {
	entity *openpgp.Entity
	config *packet.Config
}

// NewKey makes a key for somebody of this name.
func NewKey(name string) (*Key, error) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made }}
	entity, err := openpgp.NewEntity(name, "", name+"@lab.test", config)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", name, err)
	}
	return &Key{entity: entity, config: config}, nil
}

// Public is the public key, armored.
func (k *Key) Public() (string, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return "", err
	}
	if err := k.entity.Serialize(w); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return b.String() + "\n", nil
}

// clearsign is a text with its signature about it (RFC 9580 section 7).
func (k *Key) clearsign(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, k.entity.PrivateKey, k.config)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return append(b.Bytes(), '\n'), nil
}

// detached is the signature of data alone, not armored.
func (k *Key) detached(data []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := openpgp.DetachSign(&b, k.entity, bytes.NewReader(data), k.config); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// armoredSignature is the signature of data alone, armored.
func (k *Key) armoredSignature(data []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&b, k.entity, bytes.NewReader(data), k.config); err != nil {
		return nil, err
	}
	return append(b.Bytes(), '\n'), nil
}
