// Package middleware speaks to middlewared, the daemon that owns a TrueNAS CORE
// or FreeNAS machine's configuration: a DDP-like JSON protocol over a WebSocket
// on a unix socket. Whoever may open the socket is taken for an administrator
// (plugins/auth.py, check_permission), so no key is needed. It does not use
// midclt, which ends with status 0 after a failed login.
package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Socket is where middlewared listens (main.py, UnixSite).
const Socket = "/var/run/middlewared.sock"

// StartTime is how long Connect waits for a middlewared that is not there yet:
// while the machine starts, tasks of the middleware run before it serves all.
const StartTime = 20 * time.Second

// largest bounds a message: a configuration is a few kB.
const largest = 8 << 20

// Client is one connection. It is used by one goroutine.
type Client struct {
	conn *websocket.Conn
	next int
}

// greeting opens the conversation.
type greeting struct {
	Msg     string   `json:"msg"`
	Version string   `json:"version"`
	Support []string `json:"support"`
}

// call asks for a method.
type call struct {
	Msg    string `json:"msg"`
	ID     string `json:"id"`
	Method string `json:"method"`
	Params []any  `json:"params"`
}

// message is what middlewared sends. The id of an event can be anything, only
// those of results are ours.
type message struct {
	Msg     string          `json:"msg"`
	Version string          `json:"version"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *CallError      `json:"error"`
}

// Connect opens the socket and shakes hands, trying again for StartTime while
// nothing answers there.
func Connect(ctx context.Context, socket string) (*Client, error) {
	return connect(ctx, socket, StartTime)
}

func connect(ctx context.Context, socket string, patience time.Duration) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wait := 50 * time.Millisecond
	for {
		c, err := dial(ctx, socket)
		if err == nil {
			return c, nil
		}
		var version *versionError
		if errors.As(err, &version) {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("middlewared does not answer on %s, is it running? %w", socket, err)
		case <-timer.C:
		}
		wait = min(2*wait, time.Second)
	}
}

// versionError says that the server speaks another version.
type versionError struct{ version string }

func (e *versionError) Error() string {
	return fmt.Sprintf("middlewared speaks version %q of its protocol, this agent version 1", e.version)
}

func dial(ctx context.Context, socket string) (*Client, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}
	defer transport.CloseIdleConnections()
	conn, response, err := websocket.Dial(ctx, "ws://localhost/websocket", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
	})
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", socket, err)
	}
	conn.SetReadLimit(largest)
	c := &Client{conn: conn}
	if err := c.greet(ctx); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return c, nil
}

func (c *Client) greet(ctx context.Context) error {
	if err := c.write(ctx, greeting{Msg: "connect", Version: "1", Support: []string{"1"}}); err != nil {
		return err
	}
	m, err := c.read(ctx)
	switch {
	case err != nil:
		return err
	case m.Msg == "connected":
		return nil
	case m.Msg == "failed":
		return &versionError{m.Version}
	}
	return fmt.Errorf("middlewared answered the greeting with %q", m.Msg)
}

// Close ends the connection.
func (c *Client) Close() { _ = c.conn.Close(websocket.StatusNormalClosure, "") }

// Call calls a method and decodes its result into result, unless that is nil.
// A refusal by the method is a *CallError.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	c.next++
	id := strconv.Itoa(c.next)
	if params == nil {
		params = []any{}
	}
	if err := c.write(ctx, call{Msg: "method", ID: id, Method: method, Params: params}); err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	for {
		m, err := c.read(ctx)
		if err != nil {
			return fmt.Errorf("call %s: %w", method, err)
		}
		if m.Msg != "result" || string(m.ID) != strconv.Quote(id) {
			continue // an event, or a keep-alive
		}
		if m.Error != nil {
			m.Error.Method = method
			return m.Error
		}
		if result == nil {
			return nil
		}
		if err := json.Unmarshal(m.Result, result); err != nil {
			return fmt.Errorf("call %s: read the result: %w", method, err)
		}
		return nil
	}
}

func (c *Client) write(ctx context.Context, m any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, websocket.MessageText, b)
}

func (c *Client) read(ctx context.Context) (message, error) {
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return message{}, fmt.Errorf("middlewared ended the connection: %w", err)
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return message{}, fmt.Errorf("middlewared sent something that is no message: %w", err)
	}
	return m, nil
}
