package link

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
)

// keyFiles hold the platform's rotations since this guest was enrolled, each
// the whole: one that a fault spoiled leaves the other.
var keyFiles = []string{"platform-keys.1.json", "platform-keys.2.json"}

// maxKept is the size of the largest of them that is read, in bytes.
const maxKept = 1 << 20

// kept is what a key file holds. It is no secret, and no authority either: all
// in it is checked against the join file's key when it is read, so that no
// byte of it can be changed unnoticed.
type kept struct {
	Joined    []byte          `json:"joined"`
	Rotations []wire.Rotation `json:"rotations"`
}

// trust is the key that is the platform's: the join file's, or the one its
// rotations led to.
type trust struct {
	joined  ed25519.PublicKey
	machine guest.Machine
	dir     string // empty: nothing is kept

	mu    sync.Mutex
	chain []wire.Rotation // since joined
	key   ed25519.PublicKey
}

// newTrust reads what is kept. What cannot be used is told and does no harm:
// the platform tells its rotations again.
func newTrust(o Options) (*trust, error) {
	t := &trust{joined: o.Join.PlatformKey, key: o.Join.PlatformKey, machine: o.Machine, dir: o.StateDir}
	if t.dir == "" {
		return t, nil
	}
	var problems []error
	for _, name := range keyFiles {
		chain, key, err := t.read(filepath.Join(t.dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problems = append(problems, fmt.Errorf("the platform's keys in %s: %w", name, err))
		case len(chain) > len(t.chain):
			t.chain, t.key = chain, key
		}
	}
	return t, errors.Join(problems...)
}

func (t *trust) read(file string) ([]wire.Rotation, ed25519.PublicKey, error) {
	info, err := t.machine.Stat(file)
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > maxKept {
		return nil, nil, fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), maxKept)
	}
	raw, err := t.machine.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	return parseKept(raw, t.joined)
}

// parseKept gives the chain and the key that it leads to from joined. A chain
// of an earlier enrolment is none.
func parseKept(raw []byte, joined ed25519.PublicKey) ([]wire.Rotation, ed25519.PublicKey, error) {
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, nil, err
	}
	if !joined.Equal(ed25519.PublicKey(k.Joined)) {
		return nil, nil, nil
	}
	key, err := wire.Follow(joined, k.Rotations)
	if err != nil {
		return nil, nil, err
	}
	return k.Rotations, key, nil
}

// now is the platform's key.
func (t *trust) now() ed25519.PublicKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.key
}

// adopt follows rotations from the key that is trusted now. It says whether
// there is a new one. One that could not be kept counts all the same: it is
// asked for again after a restart.
func (t *trust) adopt(more []wire.Rotation) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(more) == 0 {
		return false, nil
	}
	chain := append(slices.Clone(t.chain), more...)
	key, err := wire.Follow(t.joined, chain)
	if err != nil {
		return false, err
	}
	t.chain, t.key = chain, key
	if t.dir == "" {
		return true, nil
	}
	raw, err := json.MarshalIndent(kept{Joined: t.joined, Rotations: chain}, "", "  ")
	if err != nil {
		return true, err
	}
	for _, name := range keyFiles {
		err = errors.Join(err, t.machine.WriteFile(filepath.Join(t.dir, name), append(raw, '\n'), 0o600))
	}
	if err != nil {
		return true, fmt.Errorf("keep the platform's new key: %w", err)
	}
	return true, nil
}

// learn asks the platform which key it has by now and says whether it is a new
// one, signed by the one trusted before.
func (l *Link) learn(ctx context.Context, conn *nats.Conn) (bool, error) {
	body, err := json.Marshal(wire.KeyRequest{Protocol: wire.Protocol, Key: l.trust.now()})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, wire.RequestTimeout)
	defer cancel()
	reply, err := conn.RequestWithContext(ctx, wire.Key(l.Guest()), body)
	if err != nil {
		return false, fmt.Errorf("ask for the platform's key: %w", err)
	}
	if problem := reply.Header.Get(wire.ErrorHeader); problem != "" {
		return false, fmt.Errorf("the platform answers: %s", problem)
	}
	chain, err := wire.ParseRotations(reply.Data)
	if err != nil {
		return false, err
	}
	fresh, err := l.trust.adopt(chain)
	if fresh {
		l.o.Log.Info("the platform has a new key, signed by the one before", "rotations", len(chain))
	}
	return fresh, err
}

// trusting does what needs the platform's key, and again if the signature was
// another's and the platform has a new key.
func (l *Link) trusting(ctx context.Context, conn *nats.Conn, check func(key ed25519.PublicKey) error) error {
	err := check(l.trust.now())
	if !errors.Is(err, wire.ErrForged) {
		return err
	}
	fresh, problem := l.learn(ctx, conn)
	if problem != nil {
		l.o.Log.Warn("whether the platform has a new key is not known", "error", problem)
	}
	if !fresh {
		return err
	}
	return check(l.trust.now())
}
