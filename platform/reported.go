package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// maxReportID is the length of the longest id of a report.
const maxReportID = 64

// backend answers guests.
type backend struct{ p *Platform }

// GuestOf implements line.Backend.
func (b backend) GuestOf(publicKey string) (string, bool) { return b.p.store.GuestOf(publicKey) }

// Desired implements line.Backend.
func (b backend) Desired(ctx context.Context, guest string) ([]byte, error) {
	sealed, err := b.p.store.Desired(ctx, guest)
	if err != nil || sealed == nil {
		return nil, err
	}
	return b.p.sealedNow(sealed)
}

// Confirm implements line.Backend.
func (b backend) Confirm(guest string, nonce []byte) ([]byte, error) {
	return wire.SignConfirm(b.p.who().Signing, guest, nonce)
}

// TakeReport implements line.Backend.
func (b backend) TakeReport(ctx context.Context, guest, id string, body []byte) error {
	r, err := parseReport(guest, id, body)
	if err != nil {
		return fmt.Errorf("the report is refused: %w", err)
	}
	known, err := b.p.store.PutReport(ctx, guest, id, body)
	if err != nil {
		return err
	}
	if !known {
		b.p.tell(guest, r)
	}
	return nil
}

// parseReport reads what a guest sent, which may be anything.
func parseReport(guest, id string, body []byte) (state.Reported, error) {
	if id == "" || len(id) > maxReportID {
		return state.Reported{}, fmt.Errorf("its id has %d bytes and needs 1 to %d", len(id), maxReportID)
	}
	if len(body) > wire.MaxReport {
		return state.Reported{}, fmt.Errorf("it has %d bytes; at most %d are read", len(body), wire.MaxReport)
	}
	var r state.Reported
	if err := json.Unmarshal(body, &r); err != nil {
		return state.Reported{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if r.Guest != guest {
		return state.Reported{}, errors.New("it is in the name of another guest")
	}
	return r, nil
}

// recall reads the newest reports that were kept.
func (p *Platform) recall(ctx context.Context) error {
	for _, guest := range p.store.Guests() {
		body, err := p.store.Report(ctx, guest)
		if err != nil {
			return err
		}
		if body == nil {
			continue
		}
		var r state.Reported
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("the stored report of %s: %w", guest, err)
		}
		p.tell(guest, r)
	}
	return nil
}

// tell makes r the guest's newest report.
func (p *Platform) tell(guest string, r state.Reported) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports[guest] = r
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reported is the guest's newest report; false if it never reported.
func (p *Platform) Reported(guest string) (state.Reported, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.reports[guest]
	return r, ok
}

// WaitReported returns the guest's newest report once match accepts it. What
// names in words what is awaited; the error tells it, and the last report.
func (p *Platform) WaitReported(ctx context.Context, guest, what string, match func(state.Reported) bool) (state.Reported, error) {
	for {
		p.mu.Lock()
		r, ok := p.reports[guest]
		changed := p.changed
		p.mu.Unlock()
		if ok && match(r) {
			return r, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r, fmt.Errorf("await %s of guest %s: %w; %s", what, guest, context.Cause(ctx), describe(r, ok))
		}
	}
}

func describe(r state.Reported, ok bool) string {
	if !ok {
		return "it never reported"
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return "its last report cannot be shown: " + err.Error()
	}
	return "its last report is " + string(raw)
}
