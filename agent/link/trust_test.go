package link

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
)

// keyOf is a key that is the same in each run.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicOf(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

// chainOf rotates from each name's key to the next's.
func chainOf(names ...string) []wire.Rotation {
	var chain []wire.Rotation
	for i := range names[1:] {
		chain = append(chain, wire.SignRotation(keyOf(names[i]), publicOf(names[i+1])))
	}
	return chain
}

func trustIn(t *testing.T, dir string, joined string) *trust {
	t.Helper()
	tr, err := newTrust(Options{Join: wire.Join{PlatformKey: publicOf(joined)}, Machine: guest.Local(), StateDir: dir})
	if err != nil {
		t.Log(err)
	}
	return tr
}

func TestAKeyIsAdoptedOnlyFromTheOneBefore(t *testing.T) {
	tr := trustIn(t, t.TempDir(), "a")
	for name, chain := range map[string][]wire.Rotation{
		"a stranger's":   chainOf("x", "y"),
		"a gap":          slices.Concat(chainOf("a", "b"), chainOf("c", "d")),
		"no signature":   {{Key: publicOf("b")}},
		"a short key":    {{Key: publicOf("b")[:31], Signature: make([]byte, ed25519.SignatureSize)}},
		"another's sign": {{Key: publicOf("b"), Signature: chainOf("x", "b")[0].Signature}},
		"another's key":  {{Key: publicOf("c"), Signature: chainOf("a", "b")[0].Signature}},
	} {
		if fresh, err := tr.adopt(chain); fresh || err == nil || !tr.now().Equal(publicOf("a")) {
			t.Errorf("%s: %t, %v", name, fresh, err)
		}
	}
	if fresh, err := tr.adopt(nil); fresh || err != nil {
		t.Errorf("nothing new: %t, %v", fresh, err)
	}
	if fresh, err := tr.adopt(chainOf("a", "b", "c", "d")); !fresh || err != nil || !tr.now().Equal(publicOf("d")) {
		t.Errorf("three missed: %t, %v", fresh, err)
	}
	if fresh, err := tr.adopt(chainOf("a", "b")); fresh || err == nil || !tr.now().Equal(publicOf("d")) {
		t.Errorf("back to an old one: %t, %v", fresh, err)
	}
}

func TestOneOfTheTwoKeyFilesIsEnough(t *testing.T) {
	dir := t.TempDir()
	if _, err := trustIn(t, dir, "a").adopt(chainOf("a", "b")); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(filepath.Join(dir, keyFiles[0]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trustIn(t, dir, "a").adopt(chainOf("b", "c")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, keyFiles[0]))
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, len(good))
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, spoiled := range map[string][]byte{"empty": {}, "cut": good[:len(good)/2], "zeros": zeros, "flipped": flipped, "older": older} {
		for i, file := range keyFiles {
			other := filepath.Join(dir, keyFiles[1-i])
			if err := os.WriteFile(filepath.Join(dir, file), spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(other, good, 0o600); err != nil {
				t.Fatal(err)
			}
			if tr := trustIn(t, dir, "a"); !tr.now().Equal(publicOf("c")) {
				t.Errorf("%s in %s: the newest key is lost", name, file)
			}
			// With both gone the join file's is left, and the way is found again.
			if err := os.WriteFile(other, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			tr := trustIn(t, dir, "a")
			if name != "older" && !tr.now().Equal(publicOf("a")) {
				t.Errorf("%s in both: a key comes from nowhere", name)
			}
		}
	}
}

func TestKeysOfAnEarlierEnrolmentDoNotCount(t *testing.T) {
	dir := t.TempDir()
	if _, err := trustIn(t, dir, "a").adopt(chainOf("a", "b")); err != nil {
		t.Fatal(err)
	}
	if tr := trustIn(t, dir, "z"); !tr.now().Equal(publicOf("z")) {
		t.Error("the new join file's key is not the one trusted")
	}
}

func FuzzKept(f *testing.F) {
	good, err := json.Marshal(kept{Joined: publicOf("a"), Rotations: chainOf("a", "b", "c")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"joined":"","rotations":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, key, err := parseKept(raw, publicOf("a"))
		if err == nil && key != nil && !key.Equal(publicOf("a")) && !key.Equal(publicOf("b")) && !key.Equal(publicOf("c")) {
			t.Errorf("a key that was never signed is taken: %x", key)
		}
	})
}
