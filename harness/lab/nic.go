package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const acceptPause = 100 * time.Millisecond

// nic is the lab's end of one card of the guest: a loopback TCP listener that
// QEMU connects to, and the cable from there to the switch.
//
// Cutting the cable must not close the connection: QEMU's socket netdev does
// not connect a second time. A new connection means a new QEMU (power cut,
// restore), whose predecessor may not have been noticed to be gone, so the
// newest connection is the one that counts.
type nic struct {
	index    int
	cable    *Cable
	log      *slog.Logger
	life     *lifetime
	listener net.Listener

	mu   sync.Mutex
	conn net.Conn // the current QEMU, or nil
}

func newNIC(ctx context.Context, life *lifetime, index int, sw *ethernetSwitch, log *slog.Logger) (*nic, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for QEMU: %w", err)
	}
	n := &nic{index: index, cable: newCable(), log: log.With("nic", index), life: life, listener: listener}
	port := sw.plug(n.cable.toGuest.enter)
	life.spawn(func() {
		<-life.ctx.Done()
		n.listener.Close()
		n.attach(nil)
	})
	life.spawn(func() { n.cable.fromGuest.run(life.ctx, port.send) })
	life.spawn(func() { n.cable.toGuest.run(life.ctx, n.write) })
	life.spawn(n.accept)
	return n, nil
}

func (n *nic) port() int { return n.listener.Addr().(*net.TCPAddr).Port }

func (n *nic) accept() {
	for {
		conn, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Such as no free descriptor: the next one may do better.
			n.log.Warn("accept QEMU", "error", err)
			if !pause(n.life.ctx, acceptPause) {
				return
			}
			continue
		}
		n.attach(conn)
		if !n.life.spawn(func() { n.read(conn) }) {
			conn.Close()
			return
		}
	}
}

// attach makes conn the current connection and closes the one before.
func (n *nic) attach(conn net.Conn) {
	n.mu.Lock()
	old := n.conn
	n.conn = conn
	n.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// detach forgets conn if it still is the current connection.
func (n *nic) detach(conn net.Conn) {
	n.mu.Lock()
	if n.conn == conn {
		n.conn = nil
	}
	n.mu.Unlock()
	conn.Close()
}

func (n *nic) current() net.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conn
}

func (n *nic) read(conn net.Conn) {
	defer n.detach(conn)
	n.log.Debug("QEMU connected", "from", conn.RemoteAddr())
	r := bufio.NewReaderSize(conn, maxFrame)
	for {
		frame, err := readFrame(r)
		switch {
		case errors.Is(err, errFrameLength):
			// The stream cannot be got into step again.
			n.log.Error("QEMU's stream is out of step, connection closed", "error", err)
			return
		case err != nil:
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				n.log.Debug("QEMU's connection broke", "error", err)
			}
			return
		}
		n.cable.fromGuest.enter(frame)
	}
}

// write sends a frame to QEMU. Without a QEMU it is lost. While the guest is
// stopped QEMU does not read, so this blocks and the cable fills up.
func (n *nic) write(frame []byte) {
	conn := n.current()
	if conn == nil {
		return
	}
	if _, err := conn.Write(appendFrame(make([]byte, 0, 4+len(frame)), frame)); err != nil {
		n.detach(conn)
	}
}
