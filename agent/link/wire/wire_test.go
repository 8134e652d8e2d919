package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
)

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	public, private := keys(t, "platform")
	for _, document := range [][]byte{{}, []byte("{}"), bytes.Repeat([]byte{0xff}, 1<<20)} {
		sealed, err := wire.Seal(private, document)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > wire.MaxEnvelope {
			t.Errorf("an envelope of %d bytes for a document of %d is above the limit", len(sealed), len(document))
		}
		got, err := wire.Open(public, sealed)
		if err != nil || !bytes.Equal(got, document) {
			t.Errorf("%d bytes: %v", len(document), err)
		}
	}
}

func TestNoByteOfAnEnvelopeCanBeChanged(t *testing.T) {
	public, private := keys(t, "platform")
	document := []byte(`{"revision":1,"guest":"web-1","sections":{}}`)
	sealed, err := wire.Seal(private, document)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if got, err := wire.Open(public, changed); err == nil && !bytes.Equal(got, document) {
			t.Errorf("byte %d can be changed: %s", i, got)
		}
		if _, err := wire.Open(public, sealed[:i]); err == nil {
			t.Errorf("the first %d bytes are taken for a whole envelope", i)
		}
	}
	other, _ := keys(t, "another")
	if _, err := wire.Open(other, sealed); !errors.Is(err, wire.ErrForged) {
		t.Errorf("another platform's key: %v", err)
	}
}

func TestAJoinFileIsCheckedFieldByField(t *testing.T) {
	good := join(t)
	raw, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.ParseJoin(raw); err != nil || got.Guest != good.Guest || got.Seed != good.Seed {
		t.Fatalf("the good one: %v", err)
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	accountSeed, _ := account.Seed()
	for want, change := range map[string]func(*wire.Join){
		"guest: ":        func(j *wire.Join) { j.Guest = "a.b" },
		"addresses: ":    func(j *wire.Join) { j.Addresses = nil },
		"addresses[1]: ": func(j *wire.Join) { j.Addresses = []string{"a:1", "a"} },
		"addresses[0]: ": func(j *wire.Join) { j.Addresses = []string{"a:0"} },
		"no host":        func(j *wire.Join) { j.Addresses = []string{":4222"} },
		"ca: ":           func(j *wire.Join) { j.CA = "hello" },
		"seed: is not an": func(j *wire.Join) {
			j.Seed = j.Seed[:20]
		},
		"seed: is not that of a user": func(j *wire.Join) { j.Seed = string(accountSeed) },
		"platform_key: ":              func(j *wire.Join) { j.PlatformKey = j.PlatformKey[:31] },
	} {
		bad := good
		change(&bad)
		_, err := bad.Encode()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if strings.Contains(err.Error(), bad.Seed) {
			t.Errorf("the error tells the seed: %v", err)
		}
	}
	for want, raw := range map[string]string{
		"ends too early": string(raw[:40]), "not a join file": "seed: " + good.Seed, "unknown field": `{"gast":"x"}`,
		"at most": strings.Repeat(" ", wire.MaxJoin+1),
	} {
		_, err := wire.ParseJoin([]byte(raw))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		} else if strings.Contains(err.Error(), good.Seed) {
			t.Errorf("the error tells the seed: %v", err)
		}
	}
}

func TestAJoinFileIsPrintedAndLoggedWithoutItsSeed(t *testing.T) {
	j := join(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("joining", "join", j)
	slog.New(slog.NewTextHandler(&log, nil)).Info("joining", "join", j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&log, verb, j)
		fmt.Fprintf(&log, verb, &j)
	}
	if strings.Contains(log.String(), j.Seed) {
		t.Errorf("the seed is told: %s", log.String())
	}
}

func FuzzOpen(f *testing.F) {
	public, private := keys(f, "platform")
	sealed, err := wire.Seal(private, []byte(`{"revision":1,"guest":"web-1","sections":{}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:50])
	f.Add([]byte(`{"document":"e30=","signature":"AAAA"}`))
	f.Add([]byte(`{"document":null,"signature":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		document, err := wire.Open(public, raw)
		if err == nil && string(document) != `{"revision":1,"guest":"web-1","sections":{}}` {
			t.Errorf("something that was never signed is taken: %q", document)
		}
	})
}

func FuzzParseJoin(f *testing.F) {
	good, err := join(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"guest":"a","addresses":["[::1]:1"],"ca":"","seed":"SU","platform_key":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		j, err := wire.ParseJoin(raw)
		if err != nil {
			return
		}
		again, err := j.Encode()
		if err != nil {
			t.Fatalf("what was parsed cannot be written: %v", err)
		}
		if _, err := wire.ParseJoin(again); err != nil {
			t.Fatalf("what was written cannot be parsed: %v", err)
		}
	})
}

func keys(t testing.TB, name string) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	return private.Public().(ed25519.PublicKey), private
}

// join is a good join file with keys made for this test.
func join(t testing.TB) wire.Join {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, private := keys(t, "platform")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Join{
		Guest: "web-1", Addresses: []string{"platform.lab.test:4222", "[2001:db8:77::42]:4222"},
		CA:   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Seed: string(seed), PlatformKey: public,
	}
}
