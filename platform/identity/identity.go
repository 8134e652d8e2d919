// Package identity keeps what makes a platform itself: the certificate
// authority that guests pin, and the key that signs their documents. Without
// them every guest would have to be enrolled again.
package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"innkeeper/agent/link/wire"
)

// name is the file in the platform's folder. All is in one file, so that it is
// there whole or not at all.
const name = "identity.json"

// A guest whose clock is years off must still reach the platform, which tells
// it where to get the time. The authority is pinned, so the dates protect from
// nothing here; the last one is RFC 5280's for "does not expire" (4.1.2.5).
var (
	validFrom  = time.Unix(0, 0).UTC()
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// Identity is a platform's.
type Identity struct {
	// CA is the authority's certificate in PEM.
	CA string
	// Signing signs desired documents.
	Signing ed25519.PrivateKey
	// Past are the keys before it, the oldest first, each with the rotation
	// that made the next one the platform's. Their private halves are gone.
	Past []Past

	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey
}

// Past is a key that was the platform's.
type Past struct {
	Key  []byte        `json:"key"`
	Next wire.Rotation `json:"next"`
}

type file struct {
	CA          string `json:"ca"`
	CAKey       string `json:"ca_key"`
	SigningSeed []byte `json:"signing_seed"`
	Past        []Past `json:"past,omitempty"`
}

// Load reads the identity in dir, or makes one if there is none yet. One that
// cannot be read is never replaced: that would lose every guest.
func Load(dir string) (Identity, error) {
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if raw, err = create(path); err != nil {
			return Identity{}, fmt.Errorf("make the platform's identity: %w", err)
		}
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read the platform's identity: %w", err)
	}
	id, err := parse(raw)
	if err != nil {
		return Identity{}, fmt.Errorf("the platform's identity %s cannot be used: %w; restore it from a backup, "+
			"or move it away and enrol every guest again", path, err)
	}
	return id, nil
}

func parse(raw []byte) (Identity, error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return Identity{}, err
	}
	if len(f.SigningSeed) != ed25519.SeedSize {
		return Identity{}, errors.New("its signing_seed has the wrong length")
	}
	pair, err := tls.X509KeyPair([]byte(f.CA), []byte(f.CAKey))
	if err != nil {
		return Identity{}, fmt.Errorf("its authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || pair.Leaf == nil || !pair.Leaf.IsCA {
		return Identity{}, errors.New("its certificate is not that of an authority with an ECDSA key")
	}
	id := Identity{CA: f.CA, Signing: ed25519.NewKeyFromSeed(f.SigningSeed), Past: f.Past, ca: pair.Leaf, caKey: key}
	if len(f.Past) > 0 {
		chain, err := id.Rotations(f.Past[0].Key)
		if err != nil {
			return Identity{}, err
		}
		if last, err := wire.Follow(f.Past[0].Key, chain); err != nil || !id.public().Equal(last) {
			return Identity{}, errors.New("its past keys do not lead to its signing_seed")
		}
	}
	return id, nil
}

func create(path string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := template("Innkeeper platform authority")
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = []string{wire.ServerName}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(file{
		CA:          string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		CAKey:       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
		SigningSeed: signing.Seed(),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return raw, write(path, raw)
}

// write makes the file in one step, also if the power goes.
func write(path string, raw []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(raw)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// TLS is the configuration of a server that guests take for this platform. Its
// certificate is made anew each time; only the authority stays.
func (i Identity) TLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the server's key: %w", err)
	}
	template := template(wire.ServerName)
	template.DNSNames = []string{wire.ServerName}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, i.ca, &key.PublicKey, i.caKey)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13,
	}, nil
}

func template(commonName string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		serial = big.NewInt(time.Now().UnixNano())
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: commonName},
		NotBefore: validFrom, NotAfter: validUntil, BasicConstraintsValid: true,
	}
}
