package platform_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform"
)

// updater is a guest that takes a new guestd and says that this came of it.
type updater struct {
	*guest
	comes state.Update
	err   error

	mu    sync.Mutex
	taken []byte
	asked wire.Update
}

func (u *updater) Update(ctx context.Context, id string, a wire.Update, fetch func(ctx context.Context, offset int64) ([]byte, error)) (func(), error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked, u.taken = a, nil
	for int64(len(u.taken)) < a.Size {
		piece, err := fetch(ctx, int64(len(u.taken)))
		if err != nil {
			return nil, err
		}
		u.taken = append(u.taken, piece...)
	}
	return func() {
		s := u.comes
		s.ID = id
		for _, status := range []state.UpdateStatus{state.UpdateTrying, s.Status} {
			s.Status = status
			u.link.Report(state.Reported{Guest: "web-1", Agent: state.Agent{Update: &s}})
		}
	}, u.err
}

func TestAnUpdateIsGivenToItsGuestInPieces(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	j := enrol(t, p, "web-1")
	var g *updater
	joinAs(t, j, func(one *guest) link.Handler {
		g = &updater{guest: one, comes: state.Update{From: "1", Version: "2", Status: state.UpdateConfirmed}}
		return g
	})
	u := platform.Update{Version: "2", Target: "linux/amd64", Window: time.Minute, Executable: bytes.Repeat([]byte("guestd"), wire.MaxChunk)}
	s, err := p.Update(patient(t), "web-1", u)
	if err != nil || s.Status != state.UpdateConfirmed || s.From != "1" {
		t.Errorf("%+v, %v", s, err)
	}
	g.mu.Lock()
	sum := sha256.Sum256(u.Executable)
	if !bytes.Equal(g.taken, u.Executable) || !bytes.Equal(g.asked.SHA256, sum[:]) || g.asked.Version != "2" || g.asked.Target != "linux/amd64" || g.asked.Window() != time.Minute {
		t.Errorf("the guest got %d bytes of %+v", len(g.taken), g.asked)
	}
	g.comes = state.Update{Version: "2", Status: state.UpdateRolledBack, Message: "no line"}
	g.mu.Unlock()
	if s, err := p.Update(patient(t), "web-1", u); err == nil || !strings.Contains(err.Error(), "update guestd on web-1: the guest took the old one back: no line") || s.Status != state.UpdateRolledBack {
		t.Errorf("one that was rolled back: %+v, %v", s, err)
	}
	g.mu.Lock()
	g.err = errors.New("no room")
	g.mu.Unlock()
	if _, err := p.Update(patient(t), "web-1", u); err == nil || !strings.Contains(err.Error(), "the guest answers: no room") {
		t.Errorf("one that was refused: %v", err)
	}
}

func TestAnUpdateThatCannotBeOneIsNotGiven(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	enrol(t, p, "web-1")
	good := platform.Update{Version: "2", Target: "linux/amd64", Executable: []byte("guestd")}
	for want, change := range map[string]func(*platform.Update){
		"the update has 0 bytes":           func(u *platform.Update) { u.Executable = nil },
		"the update has 67108865 bytes":    func(u *platform.Update) { u.Executable = make([]byte, wire.MaxBinary+1) },
		"the update's version has 0 bytes": func(u *platform.Update) { u.Version = "" },
		"the update's window has 7200 s":   func(u *platform.Update) { u.Window = 2 * time.Hour },
	} {
		u := good
		change(&u)
		if _, err := p.Update(patient(t), "web-1", u); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := p.Update(patient(t), "web-2", good); !errors.Is(err, platform.ErrNotEnrolled) {
		t.Errorf("not enrolled: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Update(short, "web-1", good); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody there: %v", err)
	}
}
