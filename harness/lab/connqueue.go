package lab

import (
	"context"
	"net"
	"sync"
)

// connQueue is the listener of a server that takes connections from
// host.serveTCP, which ends them and waits for them: http.Server.Close waits
// for no handler.
type connQueue struct {
	ctx   context.Context
	conns chan net.Conn
}

// offer hands the connection over and returns when the server has closed it.
func (q *connQueue) offer(ctx context.Context, conn net.Conn) {
	handed := &handedConn{Conn: conn, closed: make(chan struct{})}
	select {
	case q.conns <- handed:
		<-handed.closed
	case <-ctx.Done():
	}
}

// Accept implements net.Listener.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the context ends the queue.
func (q *connQueue) Close() error { return nil }

// Addr implements net.Listener.
func (q *connQueue) Addr() net.Addr { return &net.TCPAddr{} }

// handedConn tells when its new owner closes it.
type handedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

// Close implements net.Conn.
func (c *handedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}
