// Package link is the guest's end of the line to the platform: it keeps the
// connection, takes in desired documents that are authentic, and delivers
// reports. It decides nothing about the machine.
package link

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// Handler is told what comes over the line.
type Handler interface {
	// Desired takes in a document that is authentic and well-formed. When it
	// returns nil the document is on disk; an error says that it was refused,
	// which the handler reports itself.
	Desired(ctx context.Context, d state.Desired) error
	// Refuse is told of what could not be taken for a document of this guest:
	// its revision, 0 if that cannot be told, and why.
	Refuse(revision uint64, reasons []string)
	// Connected says that the line came up or broke.
	Connected(up bool)
	// Accepted is the revision in force, 0 for none.
	Accepted() uint64
}

// Clock is the time that waiting is measured by.
type Clock interface {
	// After is a channel that receives once d has passed, and a function that
	// gives the timer up.
	After(d time.Duration) (<-chan time.Time, func())
}

type systemClock struct{}

func (systemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// Options are what a Link works with. Only Join is needed.
type Options struct {
	Join wire.Join
	// Machine and StateDir are where the platform's later keys are kept; with
	// no StateDir they are asked for anew by each process.
	Machine  guest.Machine
	StateDir string
	// FetchInterval is about the time between two fetches of a document that
	// nobody rang for, 10 minutes if 0.
	FetchInterval time.Duration
	Clock         Clock
	// Dial connects to an address; a *net.Dialer, which resolves the name each
	// time, if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Random makes nonces; that of crypto/rand if nil.
	Random io.Reader
	Log    *slog.Logger
}

// Link is the line to one platform.
type Link struct {
	o     Options
	trust *trust
	born  string        // makes the ids of reports this process's own
	news  chan struct{} // of capacity 1: a report is pending
	// doubt, of capacity 1, asks whether the connection still stands.
	doubt chan struct{}
	up    atomic.Bool

	mu      sync.Mutex
	count   uint64
	pending *report // the newest one that is not acknowledged
}

type report struct {
	id   string
	body []byte
}

// New makes a Link; it does nothing until Run.
func New(o Options) *Link {
	if o.FetchInterval <= 0 {
		o.FetchInterval = 10 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Random == nil {
		o.Random = cryptorand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	trust, err := newTrust(o)
	if err != nil {
		o.Log.Warn("a file of the platform's keys is not used", "error", err)
	}
	return &Link{
		o: o, trust: trust, born: strconv.FormatUint(rand.Uint64(), 36),
		news: make(chan struct{}, 1), doubt: make(chan struct{}, 1),
	}
}

// Guest is the id of this guest.
func (l *Link) Guest() string { return l.o.Join.Guest }

// Report sends r as soon as the line is up, in place of an earlier one that is
// still waiting. It does not block.
func (l *Link) Report(r state.Reported) {
	body, err := encode(r)
	if err != nil {
		l.o.Log.Error("a report could not be encoded", "error", err)
		return
	}
	l.mu.Lock()
	l.count++
	l.pending = &report{id: l.born + "-" + strconv.FormatUint(l.count, 10), body: body}
	l.mu.Unlock()
	signal(l.news)
}

// encode leaves out what was read from the machine if the report would be too
// large to be delivered with it.
func encode(r state.Reported) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil || len(body) <= wire.MaxReport {
		return body, err
	}
	sections := make(map[string]state.Section, len(r.Sections))
	for name, s := range r.Sections {
		s.Actual, s.Changes = nil, nil
		sections[name] = s
	}
	r.Sections = sections
	r.Agent.Notes = append(r.Agent.Notes[:len(r.Agent.Notes):len(r.Agent.Notes)],
		"the report was too large; what was read from the machine is left out of it")
	return json.Marshal(r)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// jittered is a time from half of d to d, so that guests that lost the
// platform together do not come back together.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
