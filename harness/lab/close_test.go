package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCloseLeavesNothing closes a lab in the middle of everything it does.
func TestCloseLeavesNothing(t *testing.T) {
	outside := echoServer(t)
	before := len(ownGoroutines())
	l := newTestLab(t, Options{NICs: 2})
	g := attach(t, l, 0)
	g.echo(t, 22)
	if _, err := l.Serve("platform", 4222, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", outside)
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.Mirror().Handle("/slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})); err != nil {
		t.Fatal(err)
	}
	piped := g.mustDial(t, "tcp", "198.51.100.42:4222")
	if err := roundTrip(piped, "through"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"198.51.100.14:601", "198.51.100.14:6514", "198.51.100.53:53", "198.51.100.80:80"} {
		g.mustDial(t, "tcp", address)
	}
	slow := g.mustDial(t, "tcp", "198.51.100.80:80")
	if _, err := io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: mirror\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	dialled, err := l.Dial(testContext(t), "tcp", "198.51.100.100:22")
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 3)
	go func() { // a reader of a connection that Dial gave out
		_, err := dialled.Read(make([]byte, 1))
		read <- err
	}()
	go func() { // a dial under way, to a guest that is not there
		_, err := l.Dial(context.Background(), "tcp", "198.51.100.101:22")
		read <- err
	}()
	go func() { // a wait under way
		read <- l.WaitGuest(context.Background(), 23)
	}()
	waitFor(t, func() bool { return l.nics[1].cable.Counts().ToGuest > 0 })

	begun := time.Now()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("Close took %s", took)
	}
	for range 3 {
		select {
		case err := <-read:
			if err == nil {
				t.Error("what was under way ended well")
			}
		case <-time.After(testTimeout):
			t.Fatal("what was under way never ended")
		}
	}
	g.off()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left := ownGoroutines()
	for tries := 0; len(left) > before && tries < 100; tries++ {
		pause(t.Context(), 10*time.Millisecond) // the last instructions of a goroutine
		left = ownGoroutines()
	}
	if len(left) > before {
		t.Errorf("%d goroutines before, %d after:\n%s", before, len(left), strings.Join(left, "\n\n"))
	}
	if _, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", l.NICPort(0)), time.Second); err == nil {
		t.Error("QEMU can still connect")
	}
	if _, err := l.Serve("platform", 4223, nil); err == nil {
		t.Error("a closed lab serves")
	}
	if _, err := l.Dial(testContext(t), "tcp", "198.51.100.53:53"); err == nil {
		t.Error("a closed lab dials")
	}
}

// echoServer is one outside the lab.
func echoServer(t testing.TB) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	life := newLifetime(context.Background())
	life.spawn(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			life.spawn(func() {
				defer conn.Close()
				defer closeWhenDone(life.ctx, conn)()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		life.end()
	})
	return ln.Addr().String()
}
