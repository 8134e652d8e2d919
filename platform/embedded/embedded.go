// Package embedded runs a NATS server inside this process and connects to it
// without a socket.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// readyTimeout is how long a server may take to start. It recovers its store
// in that time.
const readyTimeout = 30 * time.Second

// Server is a running NATS server.
type Server struct {
	*server.Server
	log *logger
}

// Start starts a server and returns once it takes connections. Signals are
// left to the process.
func Start(ctx context.Context, o *server.Options, log *slog.Logger) (*Server, error) {
	o.NoSigs = true
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("set up the NATS server %s: %w", o.ServerName, err)
	}
	e := &Server{Server: s, log: &logger{log: log.With("server", o.ServerName)}}
	s.SetLoggerV2(e.log, false, false, false)
	s.Start()
	begun := time.Now()
	for !s.ReadyForConnections(50 * time.Millisecond) {
		err := e.log.failure()
		switch {
		case err == nil && ctx.Err() != nil:
			err = ctx.Err()
		case err == nil && time.Since(begun) > readyTimeout:
			err = fmt.Errorf("it is not ready within %s", readyTimeout)
		}
		if err != nil {
			e.Stop()
			return nil, fmt.Errorf("start the NATS server %s: %w", o.ServerName, err)
		}
	}
	return e, nil
}

// Connect makes a connection that ends with the server.
func (s *Server) Connect(o ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect("", append([]nats.Option{
		nats.InProcessServer(s.Server), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.log.log.Warn("NATS client", "error", err) }),
	}, o...)...)
	if err != nil {
		return nil, fmt.Errorf("connect within the process: %w", err)
	}
	return conn, nil
}

// Stop ends the server and every connection, and returns when it is gone.
func (s *Server) Stop() {
	s.Shutdown()
	s.WaitForShutdown()
}

// logger implements server.Logger. What NATS takes for a notice is of interest
// to those who look for faults only.
type logger struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal error
}

func (l *logger) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

// Fatalf implements server.Logger. The process goes on: Start tells its caller.
func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf(format, v...)
	}
}

// Errorf implements server.Logger.
func (l *logger) Errorf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Warnf implements server.Logger.
func (l *logger) Warnf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Noticef implements server.Logger.
func (l *logger) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Debugf implements server.Logger.
func (l *logger) Debugf(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Tracef implements server.Logger and drops all: a trace holds payloads.
func (l *logger) Tracef(string, ...any) {}
