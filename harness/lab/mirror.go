package lab

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const mirrorPort = 80

// mirrorHeaders is how long a guest may take to send a request's headers.
const mirrorHeaders = 30 * time.Second

// MirrorRequest is a request that the mirror answered.
type MirrorRequest struct {
	At     time.Time
	From   netip.AddrPort
	Method string
	URL    string // path and query
	Agent  string // the client's name for itself
	Status int
}

// Mirror is the package mirror: a web server on port 80 of the mirror host.
type Mirror struct {
	requests *journal[MirrorRequest]

	mu       sync.Mutex
	handlers map[string]http.Handler
	mux      *http.ServeMux
}

func startMirror(h *host, log *slog.Logger) (*Mirror, error) {
	m := &Mirror{
		requests: newJournal[MirrorRequest]("requests to the mirror"),
		handlers: map[string]http.Handler{}, mux: http.NewServeMux(),
	}
	queue := &connQueue{ctx: h.life.ctx, conns: make(chan net.Conn)}
	if _, err := h.serveTCP(mirrorPort, queue.offer); err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: m, ReadHeaderTimeout: mirrorHeaders,
		ErrorLog:    slog.NewLogLogger(log.With("service", "mirror").Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return h.life.ctx },
	}
	if !h.life.spawn(func() { _ = server.Serve(queue) }) { // fails when the queue ends, only then
		return nil, net.ErrClosed
	}
	return m, nil
}

// Handle serves a pattern of http.ServeMux, in place of what served the same
// pattern before. It fails if the pattern is not one or conflicts with another.
func (m *Mirror) Handle(pattern string, handler http.Handler) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	handlers := maps.Clone(m.handlers)
	handlers[pattern] = handler
	mux, err := muxOf(handlers)
	if err != nil {
		return fmt.Errorf("lab: mirror: %w", err)
	}
	m.handlers, m.mux = handlers, mux
	return nil
}

// muxOf makes an error of the panic that is ServeMux's way to refuse.
func muxOf(handlers map[string]http.Handler) (mux *http.ServeMux, err error) {
	defer func() {
		if refusal := recover(); refusal != nil {
			err = fmt.Errorf("%v", refusal)
		}
	}()
	mux = http.NewServeMux()
	for pattern, handler := range handlers {
		mux.Handle(pattern, handler)
	}
	return mux, nil
}

// Requests are those answered so far, oldest first.
func (m *Mirror) Requests() []MirrorRequest { return m.requests.all() }

// WaitRequest returns the first request that matches, among those so far or
// those to come.
func (m *Mirror) WaitRequest(ctx context.Context, match func(MirrorRequest) bool) (MirrorRequest, error) {
	return m.requests.wait(ctx, match)
}

// ServeHTTP implements http.Handler.
func (m *Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	mux := m.mux
	m.mu.Unlock()
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	seen := MirrorRequest{
		At: time.Now(), From: from, Method: r.Method, URL: r.URL.RequestURI(), Agent: r.UserAgent(),
	}
	defer func() {
		seen.Status = status.status
		m.requests.add(seen)
	}()
	mux.ServeHTTP(status, r)
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
