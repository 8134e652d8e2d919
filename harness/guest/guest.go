// Package guest is a guest machine as a Go value: reached by ssh over the lab,
// given files, asked questions with the system's own tools, rebooted. It knows
// nothing of how the machine is run (package hypervisor does) nor of the agent.
package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"innkeeper/images/system"
)

// Options describe how to reach a guest.
type Options struct {
	// System is the catalogue entry of the guest.
	System system.System
	// Signer proves who we are to the guest's sshd.
	Signer ssh.Signer
	// User is the login, "root" if empty.
	User string
	// Dial opens a TCP connection to the guest's sshd.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Guest is one guest. Its methods are safe for concurrent use and share one
// standing ssh connection.
type Guest struct {
	o Options

	mu     sync.Mutex
	client *ssh.Client
}

// New returns a guest that is not connected yet.
func New(o Options) *Guest {
	if o.User == "" {
		o.User = "root"
	}
	return &Guest{o: o}
}

// System is the catalogue entry the guest was opened with.
func (g *Guest) System() system.System { return g.o.System }

// handshakeTimeout bounds one attempt at the ssh handshake: a guest that
// boots under emulation beside five others has been seen to take 9 s for it.
const handshakeTimeout = 40 * time.Second

// Connect tries until the guest's sshd lets us in or ctx ends; the error then
// says what the last attempt met. A connection that stands is kept.
func (g *Guest) Connect(ctx context.Context) error {
	pause := 50 * time.Millisecond
	for {
		_, err := g.standing(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s does not let ssh in: %w (last attempt: %w)", g.o.System.Name, context.Cause(ctx), err)
		case <-timer.C:
		}
		pause = min(pause*2, time.Second)
	}
}

// standing returns the standing connection, making it if there is none.
func (g *Guest) standing(ctx context.Context) (*ssh.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil {
		return g.client, nil
	}
	conn, err := g.o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	client, err := handshake(ctx, conn, g.config())
	if err != nil {
		return nil, err
	}
	g.client = client
	return client, nil
}

func (g *Guest) config() *ssh.ClientConfig {
	c := &ssh.ClientConfig{
		User: g.o.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(g.o.Signer)},
		// The guest is alone behind the lab's own switch: there is nobody who
		// could pretend to be it, and images a user brings have keys of their own.
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec
	}
	// Measured under TCG: ssh 'true' 1.0-1.25 s with the default exchange, 0.73 s with this one.
	c.KeyExchanges = []string{"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"}
	return c
}

// handshake makes an ssh client of conn; ctx and handshakeTimeout bound it.
func handshake(ctx context.Context, conn net.Conn, config *ssh.ClientConfig) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errors.New("the ssh handshake took too long"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, "guest", config)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ssh handshake: %w", err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

// drop forgets client if it is still the standing connection.
func (g *Guest) drop(client *ssh.Client) {
	client.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client == client {
		g.client = nil
	}
}

// Disconnect drops the standing connection, if any. The next call makes a new one.
func (g *Guest) Disconnect() {
	g.mu.Lock()
	client := g.client
	g.client = nil
	g.mu.Unlock()
	if client != nil {
		client.Close()
	}
}

// Gone returns a channel that is closed when the standing connection ends.
// The caller need not read it. Without a connection it is closed already.
func (g *Guest) Gone() <-chan struct{} {
	gone := make(chan struct{})
	g.mu.Lock()
	client := g.client
	g.mu.Unlock()
	if client == nil {
		close(gone)
		return gone
	}
	go func() { // owned by the connection: Wait returns when it is closed
		_ = client.Wait()
		g.drop(client)
		close(gone)
	}()
	return gone
}

// FilePath is where ssh and scp find the system's own path p: the same, but
// for a Windows lookalike, whose drive C: is a folder of the Debian below.
func (g *Guest) FilePath(p string) string {
	drive := g.o.System.Tools.Drive
	if drive == "" || len(p) < 2 || p[1] != ':' {
		return p
	}
	return path.Join(drive, strings.ReplaceAll(p[2:], `\`, "/"))
}
