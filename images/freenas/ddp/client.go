package ddp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/coder/websocket"
)

// Client is one connection to middlewared.
type Client struct {
	connection *websocket.Conn
	calls      int
	// early are events that came while an answer was awaited.
	early []Message
}

// readLimit bounds one message; a get_methods answer is the longest.
const readLimit = 16 << 20

// Dial connects to the socket and shakes hands.
func Dial(ctx context.Context, socket string) (*Client, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	connection, _, err := websocket.Dial(ctx, "ws://localhost"+Resource, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", socket, err)
	}
	connection.SetReadLimit(readLimit)
	c := &Client{connection: connection}
	if err := c.send(ctx, Message{Kind: "connect", Version: "1", Support: []string{"1"}}); err != nil {
		return nil, errors.Join(err, connection.CloseNow())
	}
	answer, err := c.receive(ctx)
	if err == nil && answer.Kind != "connected" {
		err = fmt.Errorf("connect to %s: the middleware answered %q", socket, answer.Kind)
	}
	if err != nil {
		return nil, errors.Join(err, connection.CloseNow())
	}
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.connection.Close(websocket.StatusNormalClosure, "") }

func (c *Client) send(ctx context.Context, m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Kind, err)
	}
	if err := c.connection.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("send %s: %w", m.Kind, err)
	}
	return nil
}

func (c *Client) receive(ctx context.Context) (Message, error) {
	_, data, err := c.connection.Read(ctx)
	if err != nil {
		return Message{}, fmt.Errorf("receive: %w", err)
	}
	var m Message
	if err := json.Unmarshal(data, &m); err != nil {
		return Message{}, fmt.Errorf("receive: %w", err)
	}
	return m, nil
}

// Call calls a method. A nil Error is success.
func (c *Client) Call(ctx context.Context, method string, params []json.RawMessage) (json.RawMessage, *Error, error) {
	c.calls++
	id := strconv.Itoa(c.calls)
	if err := c.send(ctx, Message{Kind: "method", ID: id, Method: method, Params: params}); err != nil {
		return nil, nil, err
	}
	for {
		m, err := c.receive(ctx)
		if err != nil {
			return nil, nil, err
		}
		if m.Kind == "result" && m.ID == id {
			return m.Result, m.Error, nil
		}
		c.early = append(c.early, m)
	}
}

// Ping asks for a pong.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.send(ctx, Message{Kind: "ping", ID: "ping"}); err != nil {
		return err
	}
	for {
		m, err := c.receive(ctx)
		if err != nil {
			return err
		}
		if m.Kind == "pong" {
			return nil
		}
	}
}

// Subscribe asks for a collection's events.
func (c *Client) Subscribe(ctx context.Context, name string) error {
	if err := c.send(ctx, Message{Kind: "sub", ID: "sub-" + name, Name: name}); err != nil {
		return err
	}
	for {
		m, err := c.receive(ctx)
		if err != nil {
			return err
		}
		if m.Kind == "ready" {
			return nil
		}
	}
}

// Event returns the next event of a subscription.
func (c *Client) Event(ctx context.Context) (Message, error) {
	if len(c.early) > 0 {
		m := c.early[0]
		c.early = c.early[1:]
		return m, nil
	}
	return c.receive(ctx)
}
