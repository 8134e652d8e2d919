package wire_test

import (
	"encoding/json"
	"testing"

	"innkeeper/agent/link/wire"
)

func FuzzParseRotations(f *testing.F) {
	public, private := keys(f, "platform")
	next, _ := keys(f, "next")
	good, err := wire.EncodeRotations([]wire.Rotation{wire.SignRotation(private, next)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"rotations":[{"key":"","signature":""}]}`))
	f.Add([]byte(`{"rotations":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		chain, err := wire.ParseRotations(raw)
		if err != nil {
			return
		}
		key, err := wire.Follow(public, chain)
		if err == nil && !key.Equal(public) && !key.Equal(next) {
			t.Errorf("a key that was never signed is taken: %x", key)
		}
	})
}

func FuzzParseKeyRequest(f *testing.F) {
	public, _ := keys(f, "platform")
	good, err := json.Marshal(wire.KeyRequest{Protocol: 1, Key: public})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"key":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := wire.ParseKeyRequest(raw); err == nil && len(r.Key) != len(public) {
			t.Errorf("a key of %d bytes is taken", len(r.Key))
		}
	})
}
