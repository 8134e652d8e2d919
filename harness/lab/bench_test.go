package lab

import (
	"context"
	"io"
	"net"
	"testing"
)

// BenchmarkLab is what one lab costs a spec's column.
func BenchmarkLab(b *testing.B) {
	for b.Loop() {
		l, err := New(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

// BenchmarkThroughput sends 1 MiB from the lab into a guest.
func BenchmarkThroughput(b *testing.B) {
	l := newTestLab(b, Options{})
	g := attach(b, l, 0)
	if _, err := g.serveTCP(9, func(_ context.Context, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }); err != nil {
		b.Fatal(err)
	}
	conn, err := l.Dial(b.Context(), "tcp", "198.51.100.100:9")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := conn.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
}
