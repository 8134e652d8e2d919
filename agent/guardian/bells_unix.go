//go:build unix

package guardian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"innkeeper/agent/guest/detached"
)

// The bells between daemon and guardian are two named pipes beside the order:
// a byte in ID.wake has the guardian look at its order; ID.life is held open
// for writing by the guardian for as long as it lives, with one byte in it
// when it is ready.
const (
	wakeBell = "wake"
	lifeBell = "life"
)

func isBell(name string) bool { return name == wakeBell || name == lifeBell }

// bells are the daemon's ends.
type bells struct {
	wake, life string
	// pending is ID.life opened to read and to write, so that it does not
	// count as at its end before the guardian has opened it.
	pending *os.File
}

func attach(dir, id string) *bells {
	return &bells{wake: filepath.Join(dir, id+"."+wakeBell), life: filepath.Join(dir, id+"."+lifeBell)}
}

// prepare makes the bells of a new order.
func prepare(dir, id string) (*bells, error) {
	b := attach(dir, id)
	for _, path := range []string{b.wake, b.life} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			b.remove()
			return nil, fmt.Errorf("make the pipe %s: %w", path, err)
		}
	}
	var err error
	if b.pending, err = os.OpenFile(b.life, os.O_RDWR|syscall.O_NONBLOCK, 0); err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

// ready waits until the guardian is. From then on the guardian alone holds its
// life open.
func (b *bells) ready(ctx context.Context, p *detached.Process) error {
	if p != nil {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		watch := make(chan struct{})
		defer func() { cancel(nil); <-watch }()
		go func() {
			defer close(watch)
			select {
			case <-p.Done():
				cancel(fmt.Errorf("the guardian ended at once: %v", p.State()))
			case <-ctx.Done():
			}
		}()
	}
	_, err := readUntil(ctx, b.pending, make([]byte, 1))
	if err == nil {
		b.close()
	}
	return err
}

// ring has the guardian look at its order. One that is gone needs no ring.
func (b *bells) ring() {
	f, err := os.OpenFile(b.wake, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	_ = f.SetWriteDeadline(time.Now().Add(time.Second)) // a full pipe wakes as well
	_, _ = f.Write([]byte{'!'})
	_ = f.Close()
}

// ended waits until there is no guardian of the order.
func (b *bells) ended(ctx context.Context) error {
	f, err := os.OpenFile(b.life, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for err == nil {
		_, err = readUntil(ctx, f, make([]byte, 16))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (b *bells) close() {
	if b.pending != nil {
		_ = b.pending.Close()
		b.pending = nil
	}
}

func (b *bells) remove() {
	for _, path := range []string{b.wake, b.life} {
		_ = os.Remove(path)
	}
}

// post is the guardian's end of the bells.
type post struct {
	wake, life *os.File
	woken      chan struct{} // of capacity 1
	ended      chan struct{}
}

func takePost(dir, id string) (*post, error) {
	b := attach(dir, id)
	life, err := os.OpenFile(b.life, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	wake, err := os.OpenFile(b.wake, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		_ = life.Close()
		return nil, err
	}
	p := &post{wake: wake, life: life, woken: make(chan struct{}, 1), ended: make(chan struct{})}
	go p.listen()
	return p, nil
}

func (p *post) listen() {
	defer close(p.ended)
	for buffer := make([]byte, 64); ; {
		if _, err := p.wake.Read(buffer); err != nil {
			return
		}
		select {
		case p.woken <- struct{}{}:
		default:
		}
	}
}

// ready tells the daemon that the guardian waits.
func (p *post) ready() error {
	_, err := p.life.Write([]byte{'!'})
	return err
}

func (p *post) leave() {
	_ = p.wake.Close()
	<-p.ended
	_ = p.life.Close()
}

// readUntil reads from a pipe until there is something or ctx ends.
func readUntil(ctx context.Context, f *os.File, p []byte) (int, error) {
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := f.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return n, err
}
