package platform

import (
	"fmt"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/identity"
)

// RotateKey gives the platform a new signing key. The old one signs it, so
// that each guest follows when it next hears of the platform, however many
// rotations it missed; then the old one is forgotten. Certificates and guests'
// keys stay.
func (p *Platform) RotateKey() error {
	p.setting.Lock()
	defer p.setting.Unlock()
	fresh, err := identity.Rotate(p.o.Dir)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.identity = fresh
	p.mu.Unlock()
	p.o.Log.Info("the platform has a new signing key", "rotations", len(fresh.Past))
	for _, guest := range p.store.Guests() {
		p.ring(guest, 0) // no revision: look, whatever is in force
	}
	return nil
}

// who is the platform's identity now.
func (p *Platform) who() identity.Identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.identity
}

// sealedNow is a stored document under the newest key, for guests that have
// forgotten those before.
func (p *Platform) sealedNow(sealed []byte) ([]byte, error) {
	id := p.who()
	document, current, err := id.Open(sealed)
	if err != nil || current {
		return sealed, err
	}
	return wire.Seal(id.Signing, document)
}

// Rotations implements line.Backend.
func (b backend) Rotations(key []byte) ([]wire.Rotation, error) {
	chain, err := b.p.who().Rotations(key)
	if err != nil {
		return nil, fmt.Errorf("the platform's key: %w", err)
	}
	return chain, nil
}
