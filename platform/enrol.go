package platform

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
)

// enrolTimeout bounds the store's part of an enrolment.
const enrolTimeout = 20 * time.Second

// Enrol makes a guest known and returns its join file, which holds the guest's
// secret key and is kept nowhere else. A guest that is enrolled again gets a
// new key; the old one is worth nothing from then on.
func (p *Platform) Enrol(guest string) ([]byte, error) {
	if err := wire.CheckGuest(guest); err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	addresses, err := p.addresses()
	if err != nil {
		return nil, fmt.Errorf("enrol %s: %w", guest, err)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("enrol %s: make its key: %w", guest, err)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return nil, fmt.Errorf("enrol %s: make its key: %w", guest, err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("enrol %s: make its key: %w", guest, err)
	}
	identity := p.who()
	join, err := wire.Join{
		Guest: guest, Addresses: addresses, CA: identity.CA, Seed: string(seed),
		PlatformKey: identity.Signing.Public().(ed25519.PublicKey),
	}.Encode()
	if err != nil {
		return nil, fmt.Errorf("enrol %s: %w", guest, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), enrolTimeout)
	defer cancel()
	old, err := p.store.Enrol(ctx, guest, public)
	if err != nil {
		return nil, fmt.Errorf("enrol %s: %w", guest, err)
	}
	p.mu.Lock()
	l := p.line
	p.mu.Unlock()
	if l != nil && old != "" {
		l.Disconnect(old)
	}
	p.o.Log.Info("enrolled", "guest", guest)
	return join, nil
}

// Enrolled says whether the guest is known.
func (p *Platform) Enrolled(guest string) bool { return p.store.Enrolled(guest) }

// Guests are the names of all enrolled guests, sorted.
func (p *Platform) Guests() []string { return p.store.Guests() }

// addresses are what guests dial.
func (p *Platform) addresses() ([]string, error) {
	first := p.o.PublicAddress
	if first == "" {
		first = p.Addr().String()
		if host, _, err := net.SplitHostPort(first); err != nil || net.ParseIP(host).IsUnspecified() {
			return nil, errors.New("the platform listens on every address and was not told which one guests can dial")
		}
	}
	return append([]string{first}, p.o.MoreAddresses...), nil
}
