// Package platform keeps what each guest should be and what it says it is, and
// speaks with the guests: the server that an operator runs.
package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform/identity"
	"innkeeper/platform/line"
	"innkeeper/platform/store"
)

// Options say where a platform lives.
type Options struct {
	// Dir is the platform's own folder: its identity and its store. A platform
	// started on it again is the same one to its guests.
	Dir string
	// Listen is host:port; port 0 lets the system choose one, and the same one
	// is taken for as long as this platform runs.
	Listen string
	// PublicAddress is the host:port that guests dial, written into their join
	// files. Empty means the address listened on.
	PublicAddress string
	// MoreAddresses are tried by guests after it, in this order.
	MoreAddresses []string
	Log           *slog.Logger
}

// Platform is running from Start to Close.
type Platform struct {
	o     Options
	lock  *os.File
	store *store.Store

	// setting is held while a new document is made, so that each revision is
	// given out once.
	setting sync.Mutex
	desk    desk

	mu       sync.Mutex
	identity identity.Identity
	line     *line.Line // nil while paused or closed
	addr     net.Addr
	closed   bool
	reports  map[string]state.Reported
	changed  chan struct{} // closed, and made anew, at each report
}

// Start opens the platform in its folder and lets guests connect.
func Start(ctx context.Context, o Options) (_ *Platform, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, a := range append([]string{o.PublicAddress}, o.MoreAddresses...) {
		if a == "" {
			continue
		}
		if err := wire.CheckAddress(a); err != nil {
			return nil, fmt.Errorf("public address: %w", err)
		}
	}
	p := &Platform{o: o, reports: map[string]state.Reported{}, changed: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := folder(o.Dir); err != nil {
		return nil, err
	}
	if p.lock, err = lock(filepath.Join(o.Dir, "lock")); err != nil {
		return nil, err
	}
	if p.identity, err = identity.Load(o.Dir); err != nil {
		return nil, err
	}
	if p.store, err = store.Open(ctx, filepath.Join(o.Dir, "store"), o.Log); err != nil {
		return nil, err
	}
	if err := p.recall(ctx); err != nil {
		return nil, err
	}
	if err := p.open(ctx, o.Listen); err != nil {
		return nil, err
	}
	o.Log.Info("the platform takes guests", "listen", p.Addr().String(), "dir", o.Dir)
	return p, nil
}

// folder makes the platform's folder. One that others can look into is refused
// rather than changed: it may be one of theirs.
func folder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the platform's folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the platform's folder: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("the platform's folder %s is open to others (mode %04o), and its keys would be too; "+
			"choose one that does not exist yet, or run: chmod 700 %s", dir, mode, dir)
	}
	return nil
}

// open lets guests connect.
func (p *Platform) open(ctx context.Context, listen string) error {
	tls, err := p.who().TLS()
	if err != nil {
		return err
	}
	l, err := line.Open(ctx, line.Options{Listen: listen, TLS: tls, Backend: backend{p}, Log: p.o.Log})
	if err != nil {
		return fmt.Errorf("listen for guests: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line, p.addr = l, l.Addr()
	return nil
}

// Addr is where guests are listened for. It stays while paused.
func (p *Platform) Addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// Pause ends every connection and stops listening, as if the platform were
// gone, until Resume. All else goes on working: documents can be set.
func (p *Platform) Pause() error {
	l := p.takeLine()
	if l == nil {
		return errors.New("pause: the platform does not listen")
	}
	l.Close()
	return nil
}

// takeLine gives the line, if there is one, to who will close it.
func (p *Platform) takeLine() *line.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.line
	p.line = nil
	return l
}

// Resume listens again where it did before Pause. Should something else have
// taken the port, it tries until ctx ends, ten seconds at most.
func (p *Platform) Resume(ctx context.Context) error {
	p.mu.Lock()
	paused, addr := p.line == nil && !p.closed, p.addr
	p.mu.Unlock()
	if !paused {
		return errors.New("resume: the platform is not paused")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := p.open(ctx, addr.String())
		if err == nil {
			return nil
		}
		again := time.NewTimer(200 * time.Millisecond)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("resume: %w", err)
		}
	}
}

// Close ends the platform. What was set and reported is kept.
func (p *Platform) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if l := p.takeLine(); l != nil {
		l.Close()
	}
	if p.store != nil {
		p.store.Close()
	}
	if p.lock != nil {
		if err := p.lock.Close(); !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}
