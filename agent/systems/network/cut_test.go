package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
)

var cuts atomic.Int32

// cutAfter listens between a client and the middleware at socket, and lets so
// many calls through. The next one breaks the connection off.
func cutAfter(t *testing.T, socket string, calls int) string {
	t.Helper()
	front := fmt.Sprintf("%s.%d", socket, cuts.Add(1))
	listener, err := net.Listen("unix", front)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = client.CloseNow() }()
		back, response, err := websocket.Dial(r.Context(), "ws://localhost/websocket", &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
		}}})
		if err != nil {
			return
		}
		if response.Body != nil {
			_ = response.Body.Close()
		}
		defer func() { _ = back.CloseNow() }()
		client.SetReadLimit(8 << 20)
		back.SetReadLimit(8 << 20)
		// A call is a question and its answer; the greeting is one too.
		for range calls + 1 {
			if relay(r.Context(), client, back) != nil || relay(r.Context(), back, client) != nil {
				return
			}
		}
	})}
	done := make(chan error, 1)
	go func() { done <- h.Serve(listener) }()
	t.Cleanup(func() {
		_ = h.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return front
}

func relay(ctx context.Context, from, to *websocket.Conn) error {
	kind, b, err := from.Read(ctx)
	if err != nil {
		return err
	}
	return to.Write(ctx, kind, b)
}
