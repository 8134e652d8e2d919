package lab

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// Serve makes a host of the lab answer on a TCP port: each connection of the
// guest is piped to one that dial makes, which is outside the lab. If dial
// fails, the guest's connection is closed. stop ends the service and every
// connection of it, and waits for them; the port is free again then.
func (l *Lab) Serve(name string, port int, dial func(context.Context) (net.Conn, error)) (stop func(), err error) {
	h := l.hosts[name]
	if h == nil {
		known := slices.Sorted(maps.Keys(l.hosts))
		return nil, fmt.Errorf("lab: serve on %q: there is no such host, only %s", name, strings.Join(known, ", "))
	}
	stop, err = h.serveTCP(port, func(ctx context.Context, inside net.Conn) {
		outside, err := dial(ctx)
		if err != nil {
			l.log.Debug("nobody serves a guest's connection", "host", name, "port", port, "error", err)
			return
		}
		defer outside.Close()
		defer closeWhenDone(ctx, outside)()
		pipe(inside, outside)
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return stop, nil
}

// pipe copies both ways until both have ended. The end of one direction is
// passed on as such; a failure ends both.
func pipe(a, b net.Conn) {
	var wg sync.WaitGroup
	oneWay := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
			err = half.CloseWrite()
			if err == nil {
				return
			}
		}
		a.Close()
		b.Close()
	}
	wg.Go(func() { oneWay(a, b) })
	wg.Go(func() { oneWay(b, a) })
	wg.Wait()
}
