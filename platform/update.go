package platform

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// Update is a new guestd for a guest.
type Update struct {
	// Version is what it says of itself, Target GOOS/GOARCH of the build.
	Version string
	Target  string
	// Window is the time that it has to reach the platform before the guest
	// takes the old one back; whole seconds, wire.DefaultUpdateWindow if 0.
	Window time.Duration
	// Executable is the program.
	Executable []byte
}

// Update has a guest try a new guestd and waits for what comes of it. The error
// is that of a guest that would not try it, that took the old one back, or of
// ctx, after which the guest may still be at it.
func (p *Platform) Update(ctx context.Context, guest string, u Update) (state.Update, error) {
	s, err := p.update(ctx, guest, u)
	if err != nil {
		return s, fmt.Errorf("update guestd on %s: %w", guest, err)
	}
	return s, nil
}

func (p *Platform) update(ctx context.Context, guest string, u Update) (state.Update, error) {
	sum := sha256.Sum256(u.Executable)
	announced := wire.Update{
		Version: u.Version, Target: u.Target, Size: int64(len(u.Executable)), SHA256: sum[:],
		WindowSeconds: int(u.Window / time.Second),
	}
	if err := announced.Check(); err != nil {
		return state.Update{}, err
	}
	if !p.store.Enrolled(guest) {
		return state.Update{}, ErrNotEnrolled
	}
	t := &task{Task: wire.Task{Guest: guest, Update: &announced}, binary: u.Executable}
	if _, err := p.perform(ctx, t); err != nil {
		return state.Update{}, err
	}
	r, err := p.WaitReported(ctx, guest, "what comes of the update to "+u.Version, func(r state.Reported) bool {
		s := r.Agent.Update
		return s != nil && s.ID == t.ID && s.Status != state.UpdateTrying
	})
	if err != nil {
		return state.Update{}, err
	}
	if s := *r.Agent.Update; s.Status != state.UpdateConfirmed {
		return s, fmt.Errorf("the guest took the old one back: %s", s.Message)
	}
	return *r.Agent.Update, nil
}
