package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"innkeeper/agent/link/wire"
)

// Rotate gives the platform in dir a new signing key, signed by the one it
// had, whose private half is forgotten. When it returns, the new one is on
// disk; if it fails, the old one still is.
func Rotate(dir string) (Identity, error) {
	id, err := rotate(filepath.Join(dir, name))
	if err != nil {
		return Identity{}, fmt.Errorf("rotate the platform's key: %w", err)
	}
	return id, nil
}

func rotate(path string) (Identity, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, err
	}
	now, err := parse(raw)
	if err != nil {
		return Identity{}, err
	}
	if len(now.Past) >= wire.MaxRotations {
		return Identity{}, fmt.Errorf("it was rotated %d times, and guests follow no more; enrol every guest with a new platform", len(now.Past))
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return Identity{}, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, err
	}
	f.Past = append(f.Past, Past{Key: now.public(), Next: wire.SignRotation(now.Signing, public)})
	f.SigningSeed = private.Seed()
	if raw, err = json.MarshalIndent(f, "", "  "); err != nil {
		return Identity{}, err
	}
	id, err := parse(raw)
	if err != nil {
		return Identity{}, err
	}
	return id, write(path, raw)
}

func (i Identity) public() ed25519.PublicKey { return i.Signing.Public().(ed25519.PublicKey) }

// Rotations is the chain from key, which is or was this platform's, to the
// newest.
func (i Identity) Rotations(key []byte) ([]wire.Rotation, error) {
	if bytes.Equal(key, i.public()) {
		return nil, nil
	}
	from := slices.IndexFunc(i.Past, func(p Past) bool { return bytes.Equal(p.Key, key) })
	if from < 0 {
		return nil, errors.New("the key you trust was never this platform's; enrol the guest again")
	}
	var chain []wire.Rotation
	for _, p := range i.Past[from:] {
		chain = append(chain, p.Next)
	}
	return chain, nil
}

// Open gives the document out of an envelope that this platform sealed, with
// whichever key it had then.
func (i Identity) Open(sealed []byte) (document []byte, current bool, err error) {
	document, err = wire.Open(i.public(), sealed)
	for n := len(i.Past) - 1; n >= 0 && errors.Is(err, wire.ErrForged); n-- {
		if document, err := wire.Open(i.Past[n].Key, sealed); err == nil {
			return document, false, nil
		}
	}
	return document, err == nil, err
}
