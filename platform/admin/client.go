package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"innkeeper/agent/state"
)

// answerLimit bounds what is read of an answer: a document and a report.
const answerLimit = 4 * state.MaxDocument

// answerTimeout is how long a command waits for the platform.
const answerTimeout = time.Minute

// Client speaks with the platform that runs on a folder.
type Client struct {
	dir  string
	http http.Client
}

// NewClient connects when it is first used.
func NewClient(dir string) *Client {
	return &Client{dir: dir, http: http.Client{
		Timeout: answerTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", Socket(dir))
			},
		},
	}}
}

// Enrol makes a guest known and returns its join file.
func (c *Client) Enrol(ctx context.Context, guest string) ([]byte, error) {
	var join json.RawMessage
	if err := c.do(ctx, http.MethodPost, guest, "/enrolment", nil, &join); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, join, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Set makes sections all that a guest should be and returns the revision.
func (c *Client) Set(ctx context.Context, guest string, sections []byte) (uint64, error) {
	var answer set
	err := c.do(ctx, http.MethodPut, guest, "/desired", sections, &answer)
	return answer.Revision, err
}

// Get is what the platform knows of a guest.
func (c *Client) Get(ctx context.Context, guest string) (Guest, error) {
	var g Guest
	err := c.do(ctx, http.MethodGet, guest, "", nil, &g)
	return g, err
}

// Plan asks a guest what sections would change there, and waits for it as long
// as wait says.
func (c *Client) Plan(ctx context.Context, guest string, sections []byte, wait time.Duration) (state.Plan, error) {
	var p state.Plan
	err := c.patient(wait).do(ctx, http.MethodPost, guest, "/plan?wait="+wait.String(), sections, &p)
	return p, err
}

// Update has a guest try a new guestd, and waits for what comes of it as long
// as wait says.
func (c *Client) Update(ctx context.Context, guest, version, target string, window time.Duration, executable []byte, wait time.Duration) (state.Update, error) {
	query := url.Values{"version": {version}, "target": {target}, "window": {window.String()}, "wait": {wait.String()}}
	var s state.Update
	err := c.patient(wait).do(ctx, http.MethodPost, guest, "/update?"+query.Encode(), executable, &s)
	return s, err
}

// patient is a client that gives the platform time to wait for a guest.
func (c *Client) patient(wait time.Duration) *Client {
	p := NewClient(c.dir)
	p.http.Timeout = wait + answerTimeout
	return p
}

// RotateKey gives the platform a new signing key.
func (c *Client) RotateKey(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/v1/key/rotation", nil, &struct{}{})
}

func (c *Client) do(ctx context.Context, method, guest, what string, body []byte, into any) error {
	return c.ask(ctx, method, "/v1/guests/"+url.PathEscape(guest)+what, body, into)
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte, into any) error {
	target := "http://innkeeper" + path
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	reply, err := c.http.Do(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no platform runs on %s; start it with: innkeeper serve --dir %s", c.dir, c.dir)
	}
	if err != nil {
		return fmt.Errorf("speak with the platform on %s: %w", c.dir, err)
	}
	defer reply.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(reply.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("read the platform's answer: %w", err)
	}
	if reply.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(raw, &f) != nil || f.Error == "" {
			return fmt.Errorf("the platform answers %s", reply.Status)
		}
		return errors.New(f.Error)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the platform's answer: %w", err)
	}
	return nil
}
