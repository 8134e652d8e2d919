package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"innkeeper/agent/link/wire"
)

func TestAConfirmationIsGoodForItsGuestAndNonceAlone(t *testing.T) {
	public, private := keys(t, "platform")
	nonce := bytes.Repeat([]byte{7}, wire.NonceSize)
	answer, err := wire.SignConfirm(private, "web-1", nonce)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.CheckConfirm(public, "web-1", nonce, answer); err != nil {
		t.Errorf("its own: %v", err)
	}
	other := slices.Clone(nonce)
	other[0]++
	stranger, _ := keys(t, "another")
	for name, err := range map[string]error{
		"another nonce": wire.CheckConfirm(public, "web-1", other, answer),
		"another guest": wire.CheckConfirm(public, "web-2", nonce, answer),
		"another key":   wire.CheckConfirm(stranger, "web-1", nonce, answer),
	} {
		if !errors.Is(err, wire.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range answer {
		if err := wire.CheckConfirm(public, "web-1", nonce, answer[:i]); err == nil {
			t.Errorf("the first %d bytes are taken for a whole answer", i)
		}
	}
}

func TestANonceOfAnotherLengthIsNotSigned(t *testing.T) {
	for _, n := range []int{0, wire.NonceSize - 1, wire.NonceSize + 1} {
		raw, err := json.Marshal(wire.Question{Protocol: 1, Nonce: make([]byte, n)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseQuestion(raw); err == nil {
			t.Errorf("a nonce of %d bytes is taken", n)
		}
	}
}

func FuzzParseQuestion(f *testing.F) {
	good, err := json.Marshal(wire.Question{Protocol: 1, Nonce: make([]byte, wire.NonceSize)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"nonce":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if q, err := wire.ParseQuestion(raw); err == nil && len(q.Nonce) != wire.NonceSize {
			t.Errorf("a nonce of %d bytes is taken", len(q.Nonce))
		}
	})
}

func FuzzCheckConfirm(f *testing.F) {
	public, private := keys(f, "platform")
	nonce := make([]byte, wire.NonceSize)
	good, err := wire.SignConfirm(private, "web-1", nonce)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"signature":"AAAA"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if wire.CheckConfirm(public, "web-1", nonce, raw) == nil {
			var got, want struct{ Signature []byte }
			if json.Unmarshal(raw, &got) != nil || json.Unmarshal(good, &want) != nil || !bytes.Equal(got.Signature, want.Signature) {
				t.Errorf("something that was never signed confirms: %q", raw)
			}
		}
	})
}
