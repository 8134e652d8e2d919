package hypervisor

import (
	"sync"

	libvirt "github.com/digitalocean/go-libvirt"
)

// End is how a domain ended.
type End string

// The ends of a domain.
const (
	ShutDown  End = "shut down by the guest"
	Destroyed End = "power cut"
	Crashed   End = "QEMU or the guest crashed"
	Saved     End = "saved"
	Failed    End = "failed to run"
	Unknown   End = "unknown"
)

// endOf translates the detail of libvirt's event "stopped".
func endOf(e libvirt.DomainEventLifecycleMsg) End {
	if libvirt.DomainEventType(e.Event) == libvirt.DomainEventCrashed {
		return Crashed
	}
	switch libvirt.DomainEventStoppedDetailType(e.Detail) {
	case libvirt.DomainEventStoppedShutdown:
		return ShutDown
	case libvirt.DomainEventStoppedDestroyed:
		return Destroyed
	case libvirt.DomainEventStoppedCrashed:
		return Crashed
	case libvirt.DomainEventStoppedSaved:
		return Saved
	case libvirt.DomainEventStoppedFailed:
		return Failed
	}
	return Unknown
}

// life is a domain's time from one start to the end that follows.
type life struct {
	begun bool // its event "started" was seen
	ended chan struct{}
	end   End   // valid once ended is closed
	err   error // ErrLost if the end is not known
}

func (l *life) finish(end End, err error) {
	l.end, l.err = end, err
	close(l.ended)
}

// lives follows libvirt's events. A domain is told by its name, as the event of
// its end carries no id any more; that an end is this life's and not that of
// the one before is told by the start that precedes it.
type lives struct {
	mu     sync.Mutex
	lost   bool
	byName map[string]*life
}

func newLives() *lives { return &lives{byName: map[string]*life{}} }

// expect registers a life before its domain is started, so that no event of it
// can be missed. It returns nil if a domain of that name is there already.
func (a *lives) expect(name string) *life {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName[name] != nil {
		return nil
	}
	l := &life{ended: make(chan struct{})}
	if a.lost {
		l.finish(Unknown, ErrLost)
		return l
	}
	a.byName[name] = l
	return l
}

// forget drops a life whose domain did not start.
func (a *lives) forget(name string, l *life) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName[name] == l {
		delete(a.byName, name)
		l.finish(Failed, nil)
	}
}

// follow returns when the connection ends, and with it all that can be known.
func (a *lives) follow(events <-chan libvirt.DomainEventLifecycleMsg) {
	for e := range events {
		a.note(e)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = true
	for name, l := range a.byName {
		delete(a.byName, name)
		l.finish(Unknown, ErrLost)
	}
}

func (a *lives) note(e libvirt.DomainEventLifecycleMsg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.byName[e.Dom.Name]
	if l == nil {
		return
	}
	switch libvirt.DomainEventType(e.Event) {
	case libvirt.DomainEventStarted:
		l.begun = true
	case libvirt.DomainEventStopped, libvirt.DomainEventCrashed:
		if l.begun {
			delete(a.byName, e.Dom.Name)
			l.finish(endOf(e), nil)
		}
	}
}
