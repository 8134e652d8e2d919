package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

func TestServePipes(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	outside := echoServer(t)
	up := true
	serve := func() func() {
		stop, err := l.Serve("platform", 4222, func(ctx context.Context) (net.Conn, error) {
			if !up {
				return nil, errors.New("the platform is gone")
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", outside)
		})
		if err != nil {
			t.Fatal(err)
		}
		return stop
	}
	stop := serve()
	if _, err := l.Serve("platform", 4222, nil); err == nil {
		t.Error("the port is served twice")
	}
	conn := g.mustDial(t, "tcp", "198.51.100.42:4222")
	if err := roundTrip(conn, "one"); err != nil {
		t.Fatal(err)
	}
	// The end of what the guest says is passed on, and the answer still comes.
	half := g.mustDial(t, "tcp", "198.51.100.42:4222")
	if _, err := io.WriteString(half, strings.Repeat("all of it", 10000)); err != nil {
		t.Fatal(err)
	}
	if err := half.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(half); err != nil || len(got) != 90000 {
		t.Errorf("%d bytes back, %v", len(got), err)
	}
	stop()
	stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("connection after stop: %v", err)
	}
	if _, err := g.dial(testContext(t), "tcp", "198.51.100.42:4222"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("dial after stop: %v", err)
	}
	up = false
	defer serve()()
	conn = g.mustDial(t, "tcp", "198.51.100.42:4222")
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("connection to a platform that is gone: %v", err)
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	l := newTestLab(t, Options{})
	if _, err := l.Serve("plattform", 4222, nil); err == nil || !strings.Contains(err.Error(), "platform, router") {
		t.Errorf("%v, want the names there are", err)
	}
	for _, port := range []int{-1, 0, 65536} {
		if _, err := l.Serve("platform", port, nil); err == nil {
			t.Errorf("port %d: no error", port)
		}
	}
}
