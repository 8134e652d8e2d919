package logging_test

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"innkeeper/agent/guest"
)

var errPower = errors.New("the power went")

// faulty is a machine that dies at its changing call number at, and stays
// dead. After says that the call has had its effect by then. At 0 nothing dies.
type faulty struct {
	guest.Machine
	at    int
	after bool

	mu    sync.Mutex // a double's own goroutine asks, too
	calls int
}

// before counts a call that does not go through guest.Machine.
func (m *faulty) before() error {
	if m == nil {
		return nil
	}
	return m.through(func() error { return nil })
}

func (m *faulty) through(do func() error) error {
	m.mu.Lock()
	m.calls++
	calls := m.calls
	m.mu.Unlock()
	if m.at > 0 && (calls > m.at || calls == m.at && !m.after) {
		return errPower
	}
	err := do()
	if m.at > 0 && calls == m.at {
		return errPower
	}
	return err
}

func (m *faulty) WriteFile(path string, data []byte, mode fs.FileMode) error {
	return m.through(func() error { return m.Machine.WriteFile(path, data, mode) })
}

func (m *faulty) Remove(path string) error {
	return m.through(func() error { return m.Machine.Remove(path) })
}

func (m *faulty) Run(ctx context.Context, c guest.Command) (r guest.Result, err error) {
	err = m.through(func() error { r, err = m.Machine.Run(ctx, c); return err })
	return r, err
}
