package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// purpose is signed together with a document, so that no signature the
// platform's key makes for anything else is ever valid for a document.
const purpose = "innkeeper desired 1\n"

// envelope is a signed document as it goes over the line; bytes are base64.
type envelope struct {
	Document  []byte `json:"document"`
	Signature []byte `json:"signature"`
}

// ErrForged says that the signature is not the platform's.
var ErrForged = errors.New("its signature is not the platform's")

// Seal signs a desired document.
func Seal(key ed25519.PrivateKey, document []byte) ([]byte, error) {
	return seal(key, purpose, document)
}

func seal(key ed25519.PrivateKey, purpose string, document []byte) ([]byte, error) {
	return json.Marshal(envelope{
		Document:  document,
		Signature: ed25519.Sign(key, append([]byte(purpose), document...)),
	})
}

// Open gives the desired document out of a signed envelope, once the signature is
// found to be that of the key. What is in the document is not looked at.
func Open(key ed25519.PublicKey, sealed []byte) ([]byte, error) {
	return open(key, purpose, sealed)
}

func open(key ed25519.PublicKey, purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) > MaxEnvelope {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", len(sealed), MaxEnvelope)
	}
	var e envelope
	if err := decode(sealed, &e); err != nil {
		return nil, fmt.Errorf("it is not a signed document: %w", err)
	}
	if len(e.Signature) != ed25519.SignatureSize ||
		!ed25519.Verify(key, append([]byte(purpose), e.Document...), e.Signature) {
		return nil, ErrForged
	}
	return e.Document, nil
}

// decode reads one JSON value with no unknown field, and nothing after it.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("it ends too early, after %d bytes", len(raw))
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after its end")
	}
	return nil
}
