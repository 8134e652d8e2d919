package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"innkeeper/agent/link/wire"
)

// Desired is the newest signed document of a guest, nil if there is none.
func (s *Store) Desired(ctx context.Context, guest string) ([]byte, error) {
	entry, err := s.desired.Get(ctx, guest)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the desired document of %s: %w", guest, err)
	}
	return entry.Value(), nil
}

// PutDesired keeps a guest's newest signed document. When it returns nil, the
// document is on disk.
func (s *Store) PutDesired(ctx context.Context, guest string, sealed []byte) error {
	if _, err := s.desired.Put(ctx, guest, sealed); err != nil {
		return fmt.Errorf("keep the desired document of %s: %w", guest, err)
	}
	return nil
}

// PutReport keeps a report. Known is true if one with this id was kept before.
func (s *Store) PutReport(ctx context.Context, guest, id string, body []byte) (known bool, err error) {
	m := nats.NewMsg(reportPrefix + guest)
	m.Data = body
	// Ids are a guest's own: two guests may use the same.
	m.Header.Set(wire.IDHeader, guest+"."+id)
	ack, err := s.js.PublishMsg(ctx, m)
	if err != nil {
		return false, fmt.Errorf("keep the report of %s: %w", guest, err)
	}
	return ack.Duplicate, nil
}

// Report is the newest report of a guest, nil if there is none.
func (s *Store) Report(ctx context.Context, guest string) ([]byte, error) {
	m, err := s.reports.GetLastMsgForSubject(ctx, reportPrefix+guest)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the report of %s: %w", guest, err)
	}
	return m.Data, nil
}
