package guest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshd is an ssh server in this process that runs what it is asked to with
// /bin/sh on this machine, as a guest's does on the guest.
type sshd struct {
	t        *testing.T
	listener net.Listener
	config   *ssh.ServerConfig

	mu    sync.Mutex
	conns []net.Conn
	dials int
}

func newSSHD(t *testing.T) (*sshd, ssh.Signer) {
	t.Helper()
	client, host := signer(t), signer(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, errors.New("unknown key")
		}
		return &ssh.Permissions{}, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{t: t, listener: l, config: config}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.hangUp()
		serving.Wait()
	})
	return s, client
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sshd) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	s.dials++
	s.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.listener.Addr().String())
}

// hangUp breaks every connection, as a guest that reboots does.
func (s *sshd) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *sshd) serve(conn net.Conn) {
	defer conn.Close()
	c, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer c.Close()
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { s.session(channel, requests) })
	}
}

func (s *sshd) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var running *exec.Cmd
	var commands sync.WaitGroup
	defer commands.Wait()
	for r := range requests {
		switch r.Type {
		case "exec", "shell":
			running = exec.Command("/bin/sh")
			if r.Type == "exec" {
				var asked struct{ Command string }
				_ = ssh.Unmarshal(r.Payload, &asked)
				running = exec.Command("/bin/sh", "-c", asked.Command)
			}
			running.Stdout, running.Stderr = channel, channel.Stderr()
			stdin, _ := running.StdinPipe()
			_ = r.Reply(running.Start() == nil, nil)
			commands.Go(func() { buf := make([]byte, 4096); pump(stdin, channel, buf) })
			cmd := running
			commands.Go(func() {
				_ = cmd.Wait()
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
				channel.Close()
			})
		case "signal":
			_ = running.Process.Kill()
		default:
			_ = r.Reply(r.Type == "pty-req", nil)
		}
	}
	if running != nil && running.Process != nil {
		_ = running.Process.Kill()
	}
}

func pump(to interface {
	Write([]byte) (int, error)
	Close() error
}, from ssh.Channel, buf []byte,
) {
	defer to.Close()
	for {
		n, err := from.Read(buf)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

func tempFile(t *testing.T, data string) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(data); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
