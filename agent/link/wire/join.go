package wire

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/nats-io/nkeys"
)

// MaxJoin is the size of the largest join file that is read.
const MaxJoin = 64 << 10

// Join is all that a guest needs to find its platform and to be known there.
// It holds the guest's key, so it prints and logs without it.
type Join struct {
	// Guest is the guest's id.
	Guest string `json:"guest"`
	// Addresses are those of the platform, host:port, in the order to try.
	Addresses []string `json:"addresses"`
	// CA is the platform's certificate authority, in PEM. No other is trusted.
	CA string `json:"ca"`
	// Seed is the guest's secret nkey seed.
	Seed string `json:"seed"`
	// PlatformKey is the Ed25519 key that signs desired documents.
	PlatformKey []byte `json:"platform_key"`
}

// String names the guest and the platform, and no secret.
func (j Join) String() string { return fmt.Sprintf("guest %s of %q", j.Guest, j.Addresses) }

// GoString is String, so that %#v tells no secret either.
func (j Join) GoString() string { return j.String() }

// LogValue implements slog.LogValuer without the secret.
func (j Join) LogValue() slog.Value {
	return slog.GroupValue(slog.String("guest", j.Guest), slog.Any("addresses", j.Addresses))
}

// Encode is the join file.
func (j Join) Encode() ([]byte, error) {
	if err := j.check(); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(j, "", "  ")
	return append(raw, '\n'), err
}

// ParseJoin reads a join file. Its errors tell no secret.
func ParseJoin(raw []byte) (Join, error) {
	if len(raw) > MaxJoin {
		return Join{}, fmt.Errorf("it is %d bytes long; at most %d are read", len(raw), MaxJoin)
	}
	var j Join
	if err := decode(raw, &j); err != nil {
		return Join{}, fmt.Errorf("it is not a join file: %w", err)
	}
	if err := j.check(); err != nil {
		return Join{}, err
	}
	return j, nil
}

// Pool is the certificate authority to trust.
func (j Join) Pool() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(j.CA)) {
		return nil, errors.New("ca: has no certificate in PEM")
	}
	return pool, nil
}

func (j Join) check() error {
	if err := CheckGuest(j.Guest); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	if len(j.Addresses) == 0 {
		return errors.New("addresses: there is none")
	}
	for i, a := range j.Addresses {
		if err := CheckAddress(a); err != nil {
			return fmt.Errorf("addresses[%d]: %w", i, err)
		}
	}
	if _, err := j.Pool(); err != nil {
		return err
	}
	// The library's error is not passed on: it would be in a log, beside the seed's name.
	pair, err := nkeys.FromSeed([]byte(j.Seed))
	if err != nil {
		return errors.New("seed: is not an nkey seed")
	}
	defer pair.Wipe()
	if public, err := pair.PublicKey(); err != nil || !nkeys.IsValidPublicUserKey(public) {
		return errors.New("seed: is not that of a user")
	}
	if len(j.PlatformKey) != ed25519.PublicKeySize {
		return fmt.Errorf("platform_key: has %d bytes, and an Ed25519 key has %d", len(j.PlatformKey), ed25519.PublicKeySize)
	}
	return nil
}

// CheckAddress says why a is not an address that can be dialled, or nil.
func CheckAddress(a string) error {
	host, port, err := net.SplitHostPort(a)
	if err != nil {
		return fmt.Errorf("%q is not host:port", a)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q has no port from 1 to 65535", a)
	}
	if host == "" {
		return fmt.Errorf("%q has no host", a)
	}
	return nil
}
