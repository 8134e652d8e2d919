package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// ipVersions are those that every service of the lab answers in.
var ipVersions = []tcpip.NetworkProtocolNumber{header.IPv4ProtocolNumber, header.IPv6ProtocolNumber}

// serveTCP hands every connection to that port of the host to handle, each in
// a goroutine. The connection is closed when handle returns, and under handle
// when its context ends. stop ends the service and waits for it.
func (h *host) serveTCP(port int, handle func(context.Context, net.Conn)) (stop func(), err error) {
	listeners, err := h.listenTCP(port)
	if err != nil {
		return nil, err
	}
	life := newLifetime(h.life.ctx)
	for _, ln := range listeners {
		life.spawn(func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return // only the end of the listener makes it fail
				}
				if !life.spawn(func() { serveConn(life.ctx, conn, handle) }) {
					conn.Close()
				}
			}
		})
	}
	ended := make(chan struct{})
	started := h.life.spawn(func() {
		defer close(ended)
		<-life.ctx.Done()
		for _, ln := range listeners {
			ln.Close()
		}
		life.end()
	})
	if !started {
		for _, ln := range listeners {
			ln.Close()
		}
		life.end()
		return nil, fmt.Errorf("serve tcp port %d of %s: %w", port, h.name, net.ErrClosed)
	}
	return func() {
		life.cancel()
		<-ended
	}, nil
}

func serveConn(ctx context.Context, conn net.Conn, handle func(context.Context, net.Conn)) {
	defer conn.Close()
	defer closeWhenDone(ctx, conn)()
	handle(ctx, conn)
}

// closeWhenDone closes the connection, and ends a read or write of it, when
// the context ends. The function it returns takes that back, or waits for it
// if it has begun.
func closeWhenDone(ctx context.Context, conn net.Conn) (cancel func()) {
	closed := make(chan struct{})
	revoke := context.AfterFunc(ctx, func() {
		defer close(closed)
		// A stack's connection wakes its readers at a deadline for sure, at
		// its closing only in some states.
		_ = conn.SetDeadline(time.Unix(1, 0))
		conn.Close()
	})
	return func() {
		if !revoke() {
			<-closed
		}
	}
}

// listenTCP listens on the port in every IP version.
func (h *host) listenTCP(port int) ([]net.Listener, error) {
	var all []net.Listener
	for _, version := range ipVersions {
		ln, err := h.bindTCP(version, port)
		if err != nil {
			for _, other := range all {
				other.Close()
			}
			return nil, fmt.Errorf("listen on tcp port %d of %s: %w", port, h.name, err)
		}
		all = append(all, &tcpListener{TCPListener: ln})
	}
	return all, nil
}

// tcpListener is a gonet listener whose Close also ends a running Accept.
type tcpListener struct {
	*gonet.TCPListener
	once sync.Once
}

// Close implements net.Listener.
func (l *tcpListener) Close() error {
	l.once.Do(func() {
		l.Shutdown()
		_ = l.TCPListener.Close()
	})
	return nil
}

// datagram is one that came to a service, with its way back.
type datagram struct {
	data  []byte
	from  netip.AddrPort
	reply func([]byte) error
}

// serveUDP hands the datagrams that come to that port of the host to handle,
// one after the other in each IP version, until the host's lifetime ends.
func (h *host) serveUDP(port int, handle func(datagram)) error {
	for _, version := range ipVersions {
		conn, err := h.bindUDP(version, port)
		if err != nil {
			return fmt.Errorf("listen on udp port %d of %s: %w", port, h.name, err)
		}
		started := h.life.spawn(func() {
			defer conn.Close()
			defer closeWhenDone(h.life.ctx, conn)()
			readDatagrams(conn, handle)
		})
		if !started {
			conn.Close()
			return net.ErrClosed
		}
	}
	return nil
}

func readDatagrams(conn net.PacketConn, handle func(datagram)) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) && !op.Timeout() {
				continue // an ICMP error about something we sent
			}
			return
		}
		handle(datagram{
			data: append([]byte(nil), buf[:n]...), from: addrPort(from),
			reply: func(b []byte) error {
				_, err := conn.WriteTo(b, from)
				return err
			},
		})
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	var parsed netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		parsed = a.AddrPort()
	case *net.TCPAddr:
		parsed = a.AddrPort()
	}
	return netip.AddrPortFrom(parsed.Addr().Unmap(), parsed.Port())
}
