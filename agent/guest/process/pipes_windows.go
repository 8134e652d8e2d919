package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// pipes are the ends of what a child reads and writes.
type pipes struct {
	theirs [3]*os.File // standard input, output, error
	ours   []*os.File
	copies sync.WaitGroup

	mu  sync.Mutex
	err error // the first of reading the child's output
}

// connect makes the pipes and begins to copy from and to what o names.
func connect(o Options) (*pipes, error) {
	p := &pipes{}
	if err := p.connect(o); err != nil {
		p.release()
		p.abandon()
		p.copies.Wait()
		return nil, err
	}
	return p, nil
}

func (p *pipes) connect(o Options) error {
	if err := p.feed(o); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	for i, to := range []io.Writer{o.Stdout, o.Stderr} {
		if err := p.drain(i+1, to); err != nil {
			return fmt.Errorf("standard output or error: %w", err)
		}
	}
	return nil
}

func (p *pipes) feed(o Options) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	if o.Input != nil {
		_ = theirs.Close()
		_ = ours.Close()
		p.theirs[0], err = duplicate(o.Input)
		return err
	}
	p.theirs[0], p.ours = theirs, append(p.ours, ours)
	p.copies.Go(func() {
		_, _ = ours.Write(o.Stdin) // a child may end without having read all
		_ = ours.Close()
	})
	return nil
}

func (p *pipes) drain(i int, to io.Writer) (err error) {
	if to == nil {
		p.theirs[i], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return err
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	p.theirs[i], p.ours = theirs, append(p.ours, ours)
	p.copies.Go(func() {
		_, err := io.Copy(to, ours)
		if err != nil && !errors.Is(err, os.ErrClosed) {
			p.mu.Lock()
			p.err = errors.Join(p.err, err)
			p.mu.Unlock()
		}
		_ = ours.Close()
	})
	return nil
}

// inheritable are the child's ends as handles that a child inherits. The
// caller closes them, of those too that come with an error.
func (p *pipes) inheritable() ([]windows.Handle, error) {
	self := windows.CurrentProcess()
	var ends []windows.Handle
	for _, f := range p.theirs {
		var h windows.Handle
		err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &h, 0, true, windows.DUPLICATE_SAME_ACCESS)
		if err != nil {
			return ends, fmt.Errorf("hand %s on: %w", f.Name(), err)
		}
		ends = append(ends, h)
	}
	return ends, nil
}

// duplicate is a handle of our own of what f is.
func duplicate(f *os.File) (*os.File, error) {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), f.Name()), nil
}

// release closes the child's ends here, once it has its own.
func (p *pipes) release() {
	for _, f := range p.theirs {
		if f != nil {
			_ = f.Close()
		}
	}
}

// finish waits until all is copied that the child wrote, or for what it left
// running no longer than lingering, and returns what went wrong in reading.
func (p *pipes) finish() error {
	late := time.AfterFunc(lingering, p.abandon)
	p.copies.Wait()
	late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// abandon ends all copying.
func (p *pipes) abandon() {
	for _, f := range p.ours {
		_ = f.Close()
	}
}
