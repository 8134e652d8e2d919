// Package middleware doubles middlewared, the daemon of TrueNAS CORE 13.0 that
// owns the configuration database and renders every file in /etc: the parts
// that the host name, the network, the log, the clock, the init tasks and
// detection need.
package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coder/websocket"

	"innkeeper/images/freenas/ddp"
)

// DatabasePath is the configuration database.
const DatabasePath = "/data/freenas-v1.db"

// Options are what a Server works on.
type Options struct {
	// Root is put before every path, "/" in a guest.
	Root string
	// SetHostname sets the kernel's host name.
	SetHostname func(string) error
	// Service does an action, "restart", with one of the system's services.
	Service func(name, action string) error
	// AskTime says whether an NTP server answers, the package's AskTime in a
	// guest; without it none does.
	AskTime func(address string) bool
	// Stack is the network beneath; without it what needs one fails.
	Stack Stack
	Log   *slog.Logger
}

// Server is a middlewared.
type Server struct {
	options Options
	store   *store
	methods map[string]method
	jobs    *jobs
	// writing is held over a read-modify-write of the database and what is
	// rendered from it.
	writing sync.Mutex
	// resolving is held while resolv.conf is rendered.
	resolving sync.Mutex
	// pending are the interfaces before the first change that is not checked in,
	// nil for none. A restart forgets them, as the real one's does.
	pending   *[]nic
	timer     *time.Timer
	timerEnds time.Time
	// vlans are those that were made, as the kernel's are not asked for.
	vlans map[string]vlan
}

// New opens the database, making it with the defaults of a new installation.
func New(ctx context.Context, options Options) (*Server, error) {
	store, err := openStore(ctx, filepath.Join(options.Root, DatabasePath))
	if err != nil {
		return nil, err
	}
	s := &Server{options: options, store: store, jobs: newJobs(), vlans: map[string]vlan{}}
	s.methods = s.api()
	return s, nil
}

// Serve answers on the Unix socket until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	path := filepath.Join(s.options.Root, ddp.Socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sessions sync.WaitGroup
	mux := http.NewServeMux()
	mux.HandleFunc(ddp.Resource, func(w http.ResponseWriter, r *http.Request) {
		sessions.Add(1)
		defer sessions.Done()
		s.accept(ctx, w, r)
	})
	server := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = errors.Join(server.Close(), ignoreClosed(<-served))
	}
	cancel() // ends the sessions, which hijacked their connections
	sessions.Wait()
	s.writing.Lock()
	s.stopTimer()
	s.writing.Unlock()
	return errors.Join(ignoreClosed(err), s.store.db.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// accept serves one connection. Whoever reaches the Unix socket is logged in.
func (s *Server) accept(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.options.Log.Warn("accept", "error", err)
		return
	}
	one := &session{server: s, connection: connection}
	if err := one.run(ctx); err != nil && websocket.CloseStatus(err) == -1 && ctx.Err() == nil {
		s.options.Log.Debug("session ended", "error", err)
	}
	_ = connection.CloseNow()
}

// session is one connection.
type session struct {
	server     *Server
	connection *websocket.Conn
	writing    sync.Mutex
	greeted    bool
}

func (n *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	for {
		_, data, err := n.connection.Read(ctx)
		if err != nil {
			return err
		}
		var m ddp.Message
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("decode a message: %w", err)
		}
		if !n.greeted && m.Kind != "connect" {
			if err := n.send(ctx, ddp.Message{Kind: "failed", Version: "1"}); err != nil {
				return err
			}
			continue
		}
		switch m.Kind {
		case "connect":
			answer := ddp.Message{Kind: "connected", Session: fmt.Sprintf("%p", n)}
			if n.greeted = m.Version == "1"; !n.greeted {
				answer = ddp.Message{Kind: "failed", Version: "1"}
			}
			err = n.send(ctx, answer)
		case "ping":
			err = n.send(ctx, ddp.Message{Kind: "pong", ID: m.ID})
		case "sub":
			calls.Add(1)
			go func() { defer calls.Done(); n.forward(ctx, m) }()
		case "unsub": // a subscription ends with its connection
		case "method":
			calls.Add(1)
			go func() { defer calls.Done(); n.call(ctx, m) }()
		}
		if err != nil {
			return err
		}
	}
}

func (n *session) send(ctx context.Context, m ddp.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Kind, err)
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	return n.connection.Write(ctx, websocket.MessageText, data)
}

// call runs a method and answers.
func (n *session) call(ctx context.Context, m ddp.Message) {
	answered := ddp.Message{Kind: "result", ID: m.ID}
	result, err := n.server.Call(ctx, m.Method, m.Params)
	if err != nil {
		n.server.options.Log.Info("call refused", "method", m.Method, "error", err)
		answered.Error = answer(err)
	} else {
		answered.Result = raw(result)
	}
	if err := n.send(ctx, answered); err != nil && ctx.Err() == nil {
		n.server.options.Log.Debug("answer", "method", m.Method, "error", err)
	}
}

// forward sends a job's changes, the one collection there is.
func (n *session) forward(ctx context.Context, m ddp.Message) {
	changes, stop := n.server.jobs.watch()
	defer stop()
	if err := n.send(ctx, ddp.Message{Kind: "ready", Subs: []string{m.ID}}); err != nil {
		return
	}
	if m.Name != "core.get_jobs" {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case fields := <-changes:
			if n.send(ctx, ddp.Message{Kind: "changed", Collection: m.Name, Fields: raw(fields)}) != nil {
				return
			}
		}
	}
}
