// Package store keeps what the platform must not forget: which key each guest
// has, what each should be, and what each said it is. It is a JetStream server
// in this process that nobody can connect to.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/embedded"
)

const (
	guestsBucket  = "guests"
	desiredBucket = "desired"
	reportsStream = "reports"
	reportPrefix  = "reported."
	// keptReports is how many reports of a guest are kept.
	keptReports = 16
	// duplicates is how long a report's id is remembered. An agent sends one
	// again within a minute, or gives it up for a newer one.
	duplicates = 10 * time.Minute
)

// Store is open from Open to Close.
type Store struct {
	server  *embedded.Server
	conn    *nats.Conn
	js      jetstream.JetStream
	guests  jetstream.KeyValue
	desired jetstream.KeyValue
	reports jetstream.Stream

	mu   sync.RWMutex
	byID map[string]string // guest -> public key
	keys map[string]string // public key -> guest
}

// guest is the value in the guests bucket.
type guest struct {
	PublicKey string    `json:"public_key"`
	Enrolled  time.Time `json:"enrolled"`
}

// Open opens the store in dir. Only one process may do so at a time.
func Open(ctx context.Context, dir string, log *slog.Logger) (_ *Store, err error) {
	s := &Store{byID: map[string]string{}, keys: map[string]string{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	s.server, err = embedded.Start(ctx, &server.Options{
		ServerName: "store", DontListen: true,
		JetStream: true, StoreDir: dir, JetStreamMaxMemory: 64 << 20,
		// What is acknowledged is on disk; reports are exempted below.
		SyncAlways: true,
		MaxPayload: 2 * wire.MaxPayload,
	}, log)
	if err != nil {
		return nil, err
	}
	if s.conn, err = s.server.Connect(); err != nil {
		return nil, err
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return s, s.loadGuests(ctx)
}

func (s *Store) prepare(ctx context.Context) (err error) {
	s.guests, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: guestsBucket})
	if err != nil {
		return fmt.Errorf("guests: %w", err)
	}
	s.desired, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: desiredBucket, History: 16})
	if err != nil {
		return fmt.Errorf("desired documents: %w", err)
	}
	s.reports, err = s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: reportsStream, Subjects: []string{reportPrefix + "*"},
		MaxMsgsPerSubject: keptReports, Duplicates: duplicates, AllowDirect: true,
		// A guest reports anew when it reconnects, so none is worth waiting
		// for the disk; with thousands of guests that would take minutes.
		PersistMode: jetstream.AsyncPersistMode,
	})
	if err != nil {
		return fmt.Errorf("reports: %w", err)
	}
	return nil
}

// Close ends the store; all that was put is on disk.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Stop()
	}
}

func (s *Store) loadGuests(ctx context.Context) error {
	names, err := s.guests.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the guests: %w", err)
	}
	for _, name := range names {
		entry, err := s.guests.Get(ctx, name)
		if err != nil {
			return fmt.Errorf("guest %s: %w", name, err)
		}
		var g guest
		if err := json.Unmarshal(entry.Value(), &g); err != nil {
			return fmt.Errorf("guest %s: %w", name, err)
		}
		s.know(name, g.PublicKey)
	}
	return nil
}

func (s *Store) know(name, key string) (old string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.byID[name]
	delete(s.keys, old)
	s.byID[name], s.keys[key] = key, name
	return old
}

// Enrol keeps a guest's public key and returns the one it had before, if any.
func (s *Store) Enrol(ctx context.Context, name, publicKey string) (old string, err error) {
	raw, err := json.Marshal(guest{PublicKey: publicKey, Enrolled: time.Now().UTC()})
	if err != nil {
		return "", err
	}
	if _, err := s.guests.Put(ctx, name, raw); err != nil {
		return "", fmt.Errorf("keep the key of guest %s: %w", name, err)
	}
	return s.know(name, publicKey), nil
}

// GuestOf is the guest with the given public key.
func (s *Store) GuestOf(publicKey string) (name string, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	name, ok = s.keys[publicKey]
	return name, ok
}

// Enrolled says whether the guest has a key.
func (s *Store) Enrolled(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.byID[name]
	return ok
}

// Guests are the names of all guests, sorted.
func (s *Store) Guests() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.byID))
}
