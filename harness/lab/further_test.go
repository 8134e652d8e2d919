package lab

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// second puts a guest on the second card, with addresses in Second only.
func second(t *testing.T, l *Lab) *fakeGuest {
	g := attach(t, l, 1)
	for _, a := range []netip.Prefix{nth(Second, 10), nth(Second6, 10)} {
		if err := g.addAddr(a.Addr(), a.Masked()); err != nil {
			t.Fatal(err)
		}
	}
	g.echo(t, 22)
	return g
}

func reach(t *testing.T, l *Lab, from string, to netip.Addr, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(testContext(t), limit)
	defer cancel()
	conn, err := l.DialFrom(ctx, from, "tcp", net.JoinHostPort(to.String(), "22"))
	if err != nil {
		return err
	}
	defer conn.Close()
	return roundTrip(conn, "hello")
}

func TestARouterIsInTheSecondNetwork(t *testing.T) {
	l := newTestLab(t, Options{NICs: 2})
	g := second(t, l)
	from := make(chan string, 2)
	if _, err := g.serveTCP(23, func(_ context.Context, c net.Conn) { from <- addrPort(c.RemoteAddr()).Addr().String() }); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[netip.Prefix]string{nth(Second, 10): "192.0.2.1", nth(Second6, 10): "2001:db8:78::1"} {
		conn, err := l.Dial(testContext(t), "tcp", net.JoinHostPort(to.Addr().String(), "23"))
		if err != nil {
			t.Fatal(err)
		}
		if got := <-from; got != want {
			t.Errorf("%s is called from %s, want %s", to, got, want)
		}
		conn.Close()
	}
}

func TestWhatIsFarNeedsARouteThroughTheGateway(t *testing.T) {
	l := newTestLab(t, Options{NICs: 2})
	g := second(t, l)
	four, six := nth(Second, 10).Addr(), nth(Second6, 10).Addr()
	for _, to := range []netip.Addr{four, six} {
		if err := reach(t, l, "far", to, 500*time.Millisecond); err == nil {
			t.Errorf("%s is reached from far without a way back", to)
		}
	}
	for network, via := range map[netip.Prefix]netip.Prefix{Far: nth(Second, 2), Far6: nth(Second6, 2)} {
		// Before the route to everywhere, which attach gave.
		g.stack.SetRouteTable(append([]tcpip.Route{{
			Destination: subnetOf(network), Gateway: tcpip.AddrFromSlice(via.Addr().AsSlice()), NIC: hostNIC,
		}}, g.stack.GetRouteTable()...))
	}
	for _, to := range []netip.Addr{four, six} {
		if err := reach(t, l, "far", to, testTimeout); err != nil {
			t.Error(err)
		}
	}
}

func TestATaggedHostHearsItsOwnVLANOnly(t *testing.T) {
	l := newTestLab(t, Options{NICs: 2})
	g := attach(t, l, 1)
	for _, a := range []netip.Prefix{nth(Tagged, 10), nth(Tagged6, 10)} {
		if err := g.addAddr(a.Addr(), a.Masked()); err != nil {
			t.Fatal(err)
		}
	}
	g.echo(t, 22)
	if err := reach(t, l, "tagged", nth(Tagged, 10).Addr(), 500*time.Millisecond); err == nil {
		t.Error("a guest without the tag is reached")
	}
	// A card that tags. The guest's own is beside it on the same switch.
	port := l.sw.plug(func(frame []byte) {
		if untagged, id, ok := untag(frame); ok && id == TaggedID {
			g.card.enter(untagged)
		}
	})
	g.card.send = func(frame []byte) { port.send(tag(frame, TaggedID)) }
	for _, a := range []netip.Prefix{nth(Tagged, 10), nth(Tagged6, 10)} {
		if err := reach(t, l, "tagged", a.Addr(), testTimeout); err != nil {
			t.Error(err)
		}
	}
}

func TestATagIsPutAndTaken(t *testing.T) {
	frame := []byte("toto01from01" + "\x08\x00" + "packet")
	tagged := tag(frame, 0x0abc)
	if want := "toto01from01\x81\x00\x0a\xbc\x08\x00packet"; string(tagged) != want {
		t.Fatalf("tagged %q, want %q", tagged, want)
	}
	tagged[14] |= 0xe0 // a priority
	if plain, id, ok := untag(tagged); !ok || id != 0x0abc || !bytes.Equal(plain, frame) {
		t.Errorf("untagged %q of %#x, %t", plain, id, ok)
	}
	for _, other := range [][]byte{frame, tagged[:17], nil} {
		if _, _, ok := untag(other); ok {
			t.Errorf("%q has a tag", other)
		}
	}
}

func FuzzUntag(f *testing.F) {
	f.Add([]byte("toto01from01\x81\x00\x0a\xbc\x08\x00packet"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		plain, id, ok := untag(frame)
		if ok && (len(plain) != len(frame)-tagLength || id > tagID) {
			t.Fatalf("%q became %q of %d", frame, plain, id)
		}
	})
}

func TestFurtherHostsAreNamed(t *testing.T) {
	for name, want := range map[string][2]string{
		"gateway": {"192.0.2.2", "2001:db8:78::2"},
		"tagged":  {"192.0.2.65", "2001:db8:79::1"},
		"far":     {"192.0.2.130", "2001:db8:7a::2"},
		"router":  {"198.51.100.1", "2001:db8:77::1"},
	} {
		four, six, ok := HostAddrs(name)
		if got := [2]string{four.String(), six.String()}; !ok || got != want {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	l := newTestLab(t, Options{})
	if _, err := l.DialFrom(testContext(t), "nobody", "tcp", "198.51.100.53:53"); err == nil {
		t.Error("a host that is not there dials")
	}
	conn, err := l.DialFrom(testContext(t), "log", "tcp", "198.51.100.53:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, ""); err != nil {
		t.Error(err)
	}
}
