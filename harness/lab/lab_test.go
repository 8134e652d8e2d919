package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

func TestDialReachesGuest(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	g.echo(t, 22)
	if err := l.WaitGuest(testContext(t), 22); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"198.51.100.100:22", "guest.lab.test:22", "[2001:db8:77::100]:22"} {
		conn, err := l.Dial(testContext(t), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := roundTrip(conn, "hello"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		conn.Close()
	}
}

func TestDialRefusesNonsense(t *testing.T) {
	l := newTestLab(t, Options{})
	for _, c := range []struct{ network, address, want string }{
		{"tcp", "198.51.100.100", "missing port"},
		{"tcp", "198.51.100.100:0", "not a port"},
		{"tcp", "198.51.100.100:http", "not a port"},
		{"tcp", "nobody.lab.test:22", "no host"},
		{"tcp6", "198.51.100.53:53", "not an address of that network"},
		{"tcp4", "[2001:db8:77::53]:53", "not an address of that network"},
		{"unix", "198.51.100.53:53", "unknown network"},
		{"", "198.51.100.53:53", "unknown network"},
		{"tcp", "198.51.100.53:54", "refused"},
	} {
		conn, err := l.Dial(testContext(t), c.network, c.address)
		if err == nil {
			conn.Close()
			t.Errorf("%s %s: no error", c.network, c.address)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.network, c.address, err, c.want)
		}
	}
}

func TestDialEndsWithContext(t *testing.T) {
	l := newTestLab(t, Options{})
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	_, err := l.Dial(ctx, "tcp", "198.51.100.100:22")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, want the context's error", err)
	}
}

func TestWaitGuestSaysWhatItSaw(t *testing.T) {
	l := newTestLab(t, Options{})
	ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
	defer cancel()
	err := l.WaitGuest(ctx, 22)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no QEMU is connected") {
		t.Fatal(err)
	}
}

func TestWaitGuestOutlastsARefusal(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	answered := make(chan error, 1)
	go func() { answered <- l.WaitGuest(testContext(t), 22) }()
	// The stack refuses the first attempts; the service comes later.
	waitFor(t, func() bool { return l.Cable(0).Counts().FromGuest >= 3 })
	select {
	case err := <-answered:
		t.Fatalf("answered before anybody listens: %v", err)
	default:
	}
	g.echo(t, 22)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

// waitFor polls what gives no event.
func waitFor(t testing.TB, condition func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !condition() {
		if !pause(ctx, 2*time.Millisecond) {
			t.Fatal("not within time")
		}
	}
}

func TestGuestReconnects(t *testing.T) {
	l := newTestLab(t, Options{})
	for range 3 {
		g := attach(t, l, 0)
		g.echo(t, 22)
		if err := l.WaitGuest(testContext(t), 22); err != nil {
			t.Fatal(err)
		}
		g.off()
	}
}

func TestNewestConnectionCounts(t *testing.T) {
	l := newTestLab(t, Options{})
	old := dialNIC(t, l, 0) // a QEMU that hangs
	g := attach(t, l, 0)
	g.echo(t, 22)
	if err := l.WaitGuest(testContext(t), 22); err != nil {
		t.Fatal(err)
	}
	if err := old.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, old); err != nil && isTimeout(err) {
		t.Fatal("the connection before was left open")
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestMalformedLengthEndsTheConnectionOnly(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"too long": {0xff, 0xff, 0xff, 0xff, 1, 2, 3},
		"zero":     {0, 0, 0, 0},
		"one more": {0, 1, 0x10, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTestLab(t, Options{})
			conn := dialNIC(t, l, 0)
			if _, err := conn.Write(bytes); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
				t.Fatal("the connection was left open")
			}
			g := attach(t, l, 0)
			g.echo(t, 22)
			if err := l.WaitGuest(testContext(t), 22); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRuntIsIgnored(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	for n := 1; n < ethernetHeader; n++ {
		g.card.send(bytes.Repeat([]byte{0xff}, n))
	}
	g.echo(t, 22)
	if err := l.WaitGuest(testContext(t), 22); err != nil {
		t.Fatal(err)
	}
}

func TestTwoLabsKeepApart(t *testing.T) {
	a, b := newTestLab(t, Options{}), newTestLab(t, Options{})
	if a.NICPort(0) == b.NICPort(0) {
		t.Fatal("both labs have the same port")
	}
	ga, gb := attach(t, a, 0), attach(t, b, 0)
	for g, text := range map[*fakeGuest]string{ga: "a", gb: "b"} {
		if _, err := g.serveTCP(7, func(_ context.Context, conn net.Conn) { _, _ = io.WriteString(conn, text) }); err != nil {
			t.Fatal(err)
		}
	}
	for l, want := range map[*Lab]string{a: "a", b: "b"} {
		conn, err := l.Dial(testContext(t), "tcp", "198.51.100.100:7")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		conn.Close()
	}
	if _, err := ga.mustDial(t, "udp", "198.51.100.14:514").Write([]byte("<14>only a")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Syslog().WaitRecord(testContext(t), func(SyslogRecord) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if n := len(b.Syslog().Records()); n != 0 {
		t.Errorf("the other lab has %d records", n)
	}
}

func TestTwoCardsOnOneSwitch(t *testing.T) {
	l := newTestLab(t, Options{NICs: 2})
	if l.MAC(0) != "52:54:00:00:77:01" || l.MAC(1) != "52:54:00:00:77:02" {
		t.Errorf("addresses %s and %s", l.MAC(0), l.MAC(1))
	}
	g := attach(t, l, 1)
	g.echo(t, 22)
	conn, err := l.Dial(testContext(t), "tcp", "198.51.100.101:22")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := roundTrip(conn, "second card"); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefusesCardsItHasNot(t *testing.T) {
	for _, n := range []int{-1, maxNICs + 1} {
		if l, err := New(testContext(t), Options{NICs: n}); err == nil {
			l.Close()
			t.Errorf("%d cards: no error", n)
		}
	}
}

func TestCaptureIsReadable(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	g.echo(t, 22)
	var file bytes.Buffer
	stop, err := l.Capture(&file)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Dial(testContext(t), "tcp", "198.51.100.100:22")
	if err != nil {
		t.Fatal(err)
	}
	if err := roundTrip(conn, "find me in the capture"); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	size := file.Len()
	if err := roundTrip(conn, "but not me"); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if file.Len() != size {
		t.Error("written to after stop")
	}
	r, err := pcapgo.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	arps, found := 0, 0
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(info.Timestamp); age < 0 || age > testTimeout {
			t.Errorf("a frame is %s old", age)
		}
		packet := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		if packet.Layer(layers.LayerTypeARP) != nil {
			arps++
		}
		if app := packet.ApplicationLayer(); app != nil && strings.Contains(string(app.Payload()), "find me") {
			found++
		}
	}
	if arps < 2 || found != 2 {
		t.Errorf("%d ARP frames and the text %d times, want 2 or more and 2", arps, found)
	}
}

type brokenWriter struct{ after int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestCaptureTellsAboutItsWriter(t *testing.T) {
	l := newTestLab(t, Options{})
	if _, err := l.Capture(&brokenWriter{}); err == nil {
		t.Error("no error although the header could not be written")
	}
	stop, err := l.Capture(&brokenWriter{after: 1})
	if err != nil {
		t.Fatal(err)
	}
	g := attach(t, l, 0)
	g.echo(t, 22)
	if err := l.WaitGuest(testContext(t), 22); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%v, want the writer's error", err)
	}
}

func TestHostAddrs(t *testing.T) {
	for name, want := range map[string]string{
		"router": "198.51.100.1 2001:db8:77::1", "dns": "198.51.100.53 2001:db8:77::53",
		"ntp": "198.51.100.123 2001:db8:77::123", "clock": "198.51.100.124 2001:db8:77::124", "log": "198.51.100.14 2001:db8:77::14",
		"mirror": "198.51.100.80 2001:db8:77::80", "platform": "198.51.100.42 2001:db8:77::42",
	} {
		v4, v6, ok := HostAddrs(name)
		if got := v4.String() + " " + v6.String(); !ok || got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, _, ok := HostAddrs("nobody"); ok {
		t.Error("an address for nobody")
	}
	l := newTestLab(t, Options{})
	if l.GuestAddr() != netip.MustParseAddr("198.51.100.100") {
		t.Error(l.GuestAddr())
	}
}
