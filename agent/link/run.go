package link

import (
	"context"
	"errors"
	"net"
	"time"
)

// The waits between attempts to reach the platform, each jittered down to its
// half: after every address was tried once in vain, twice as long as before.
const (
	shortestWait = time.Second
	longestWait  = 30 * time.Second
)

// repeatedAfter is how many attempts fail in the same way before the log says
// so again.
const repeatedAfter = 60

// Run keeps the line up until ctx ends, and returns nil then. That the
// platform cannot be reached never ends it.
func (l *Link) Run(ctx context.Context, h Handler) error {
	var (
		wait   = shortestWait
		failed = failures{link: l, of: map[string]failure{}}
	)
	for next := 0; ctx.Err() == nil; next++ {
		address := l.o.Join.Addresses[next%len(l.o.Join.Addresses)]
		answered, err := l.session(ctx, address, h)
		if ctx.Err() != nil {
			break
		}
		if answered {
			wait = shortestWait
			clear(failed.of)
		}
		failed.log(address, err)
		if !answered && (next+1)%len(l.o.Join.Addresses) != 0 {
			continue
		}
		l.pause(ctx, jittered(wait))
		wait = min(2*wait, longestWait)
	}
	return nil
}

func (l *Link) pause(ctx context.Context, d time.Duration) {
	over, stop := l.o.Clock.After(d)
	defer stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// failures keeps a line that is down for a week from filling the log.
type failures struct {
	link *Link
	of   map[string]failure // by address
}

type failure struct {
	why   string
	count int
}

func (f *failures) log(address string, err error) {
	last := f.of[address]
	if why := reason(err); why != last.why {
		last = failure{why: why}
	}
	if last.count%repeatedAfter == 0 {
		f.link.o.Log.Warn("no line to the platform; trying again", "address", address, "error", err, "attempt", last.count+1)
	}
	last.count++
	f.of[address] = last
}

// reason is what stays the same of an error that tells a new port each time.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
