package hypervisor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a libvirtd in namespaces of its own. The child of this process is
// the first one of a PID namespace: when it ends, the kernel ends libvirtd and
// every QEMU with it before the child counts as ended (pid_namespaces(7)).
type process struct {
	cmd   *exec.Cmd
	said  *chatter
	ended chan struct{} // closed when the child was waited for
	err   error         // how it ended, valid once ended is closed
}

// spawn starts a shell script with the lock as its inheritance.
func spawn(script string, args, env []string, lock *os.File, log *slog.Logger) (*process, error) {
	p := &process{said: &chatter{log: log}, ended: make(chan struct{})}
	p.cmd = exec.Command("/bin/sh", append([]string{"-c", script, "libvirtd"}, args...)...)
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.ExtraFiles = []*os.File{lock}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:       true, // keeps Ctrl-C of a terminal from it
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL, // whatever ends its owner
	}
	begun := make(chan error)
	go p.own(begun)
	if err := <-begun; err != nil {
		return nil, err
	}
	return p, nil
}

// own starts the child and waits for it on one locked thread: the kernel sends
// the parent-death signal when the thread that forked ends (prctl(2)).
func (p *process) own(begun chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	begun <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

// kill ends the child with all that it began and waits for that.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it fails only if the child has been waited for
	<-p.ended
}

// readiness is the socket on which libvirtd says READY=1 (sd_notify(3)).
type readiness struct {
	conn *net.UnixConn
	path string
}

func listenReady(dir string) (*readiness, error) {
	path := filepath.Join(dir, "notify")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &readiness{conn, path}, nil
}

func (r *readiness) close() {
	r.conn.Close()
	os.Remove(r.path)
}

// wait returns when the child is ready, has ended, or ctx is done.
func (r *readiness) wait(ctx context.Context, p *process) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-p.ended:
			cancel(fmt.Errorf("it ended at once (%v)", p.err))
		case <-ctx.Done():
		}
	})
	stop := context.AfterFunc(ctx, func() { r.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 512)
	for {
		n, err := r.conn.Read(buf)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if bytes.Contains(buf[:n], []byte("READY=1")) {
			return nil
		}
	}
}

// chatter hands what the daemon says to the log and keeps the end of it for an
// error.
type chatter struct {
	log  *slog.Logger
	mu   sync.Mutex
	tail []byte
}

// chatterTail is how much of the daemon's output an error shows, in bytes.
const chatterTail = 2 << 10

func (c *chatter) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		c.log.Debug("libvirtd", "says", strings.TrimSpace(string(line)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tail = append(c.tail, p...)
	c.tail = c.tail[max(0, len(c.tail)-chatterTail):]
	return len(p), nil
}

func (c *chatter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSpace(string(c.tail))
}
