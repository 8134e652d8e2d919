package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

const testTimeout = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func newTestLab(t testing.TB, o Options) *Lab {
	t.Helper()
	l, err := New(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dialNIC connects as QEMU would, and nothing more.
func dialNIC(t testing.TB, l *Lab, nic int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.NICPort(nic)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// sendFrame and receiveFrame are written apart from frame.go: they are what
// the wire is held against.
func sendFrame(w io.Writer, frame []byte) error {
	if err := binary.Write(w, binary.BigEndian, uint32(len(frame))); err != nil {
		return err
	}
	_, err := w.Write(frame)
	return err
}

func receiveFrame(r io.Reader) ([]byte, error) {
	var n uint32
	if err := binary.Read(r, binary.BigEndian, &n); err != nil {
		return nil, err
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// fakeGuest is a machine with a network stack behind a lab's QEMU port.
type fakeGuest struct {
	*host
	conn net.Conn
}

// attach puts a guest with the leased addresses on card nic.
func attach(t testing.TB, l *Lab, nic int) *fakeGuest {
	t.Helper()
	life := newLifetime(context.Background())
	h, err := bareHost(life, "guest", guestMAC(nic))
	if err != nil {
		t.Fatal(err)
	}
	conn := dialNIC(t, l, nic)
	out := make(chan []byte, 4096)
	h.card.send = func(frame []byte) {
		select {
		case out <- frame:
		default:
		}
	}
	life.spawn(func() {
		for {
			select {
			case <-life.ctx.Done():
				return
			case frame := <-out:
				if sendFrame(conn, frame) != nil {
					return
				}
			}
		}
	})
	life.spawn(func() {
		r := bufio.NewReader(conn)
		for {
			frame, err := receiveFrame(r)
			if err != nil {
				return
			}
			h.card.enter(frame)
		}
	})
	g := &fakeGuest{host: h, conn: conn}
	t.Cleanup(g.off)
	for addr, subnet := range map[netip.Addr]netip.Prefix{
		guestAddr(nic):                          Subnet,
		netip.MustParseAddr("2001:db8:77::100"): Subnet6,
	} {
		if err := h.addAddr(addr, subnet); err != nil {
			t.Fatal(err)
		}
	}
	gateway, _, _ := HostAddrs("router")
	h.stack.AddRoute(tcpip.Route{
		Destination: header.IPv4EmptySubnet, Gateway: tcpip.AddrFromSlice(gateway.AsSlice()), NIC: hostNIC,
	})
	return g
}

// off is a power cut.
func (g *fakeGuest) off() {
	g.conn.Close()
	g.life.end()
	g.close()
}

func (g *fakeGuest) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	full, protocol := fullAddress(to), protocolOf(to.Addr())
	if strings.HasPrefix(network, "udp") {
		conn, err := gonet.DialUDP(g.stack, nil, &full, protocol)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	conn, err := gonet.DialContextTCP(ctx, g.stack, full, protocol)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (g *fakeGuest) mustDial(t testing.TB, network, address string) net.Conn {
	t.Helper()
	conn, err := g.dial(testContext(t), network, address)
	if err != nil {
		t.Fatalf("guest dials %s %s: %v", network, address, err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// echo makes the guest send back what comes in on a TCP port.
func (g *fakeGuest) echo(t testing.TB, port int) {
	t.Helper()
	_, err := g.serveTCP(port, func(_ context.Context, conn net.Conn) { _, _ = io.Copy(conn, conn) })
	if err != nil {
		t.Fatal(err)
	}
}

func roundTrip(conn net.Conn, text string) error {
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("echo of %q is %q", text, got)
	}
	return nil
}

// ownGoroutines are the stacks of goroutines that run our code or the network
// stack's, besides tests.
func ownGoroutines() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var own []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "testing.tRunner") || strings.Contains(g, "testing.(*") || strings.Contains(g, "echoServer") {
			continue
		}
		if strings.Contains(g, "innkeeper/") || strings.Contains(g, "gvisor.dev/") || strings.Contains(g, "net/http") {
			own = append(own, g)
		}
	}
	return own
}
