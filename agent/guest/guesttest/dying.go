package guesttest

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"innkeeper/agent/guest"
)

// ErrPower is the error of every call on a machine that has died.
var ErrPower = errors.New("the power went")

// Dying is a machine that dies at its changing call number At, and stays dead.
// After says that this call has had its effect by then. At 0 it does not die.
type Dying struct {
	guest.Machine
	At    int
	After bool

	mu    sync.Mutex // a double's own goroutine calls, too
	calls int
}

var _ guest.Machine = &Dying{}

// Call counts a call, such as one that does not go through guest.Machine, and
// makes it unless the machine is dead. A nil machine never dies.
func (m *Dying) Call(do func() error) error {
	if m == nil {
		return do()
	}
	m.mu.Lock()
	m.calls++
	calls := m.calls
	m.mu.Unlock()
	if m.At > 0 && (calls > m.At || calls == m.At && !m.After) {
		return ErrPower
	}
	err := do()
	if m.At > 0 && calls == m.At {
		return ErrPower
	}
	return err
}

// WriteFile implements guest.Machine.
func (m *Dying) WriteFile(path string, data []byte, mode fs.FileMode) error {
	return m.Call(func() error { return m.Machine.WriteFile(path, data, mode) })
}

// Remove implements guest.Machine.
func (m *Dying) Remove(path string) error {
	return m.Call(func() error { return m.Machine.Remove(path) })
}

// Symlink implements guest.Machine.
func (m *Dying) Symlink(target, path string) error {
	return m.Call(func() error { return m.Machine.Symlink(target, path) })
}

// Run implements guest.Machine.
func (m *Dying) Run(ctx context.Context, c guest.Command) (r guest.Result, err error) {
	err = m.Call(func() error { r, err = m.Machine.Run(ctx, c); return err })
	return r, err
}
