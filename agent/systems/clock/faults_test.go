package clock_test

import (
	"context"
	"errors"
	"io/fs"

	"innkeeper/agent/guest"
)

var errPower = errors.New("the power went")

// faulty is a machine that dies at its changing call number at, and stays
// dead. After says that the call has had its effect by then. At 0 nothing dies.
type faulty struct {
	guest.Machine
	at, calls int
	after     bool
}

func (m *faulty) through(do func() error) error {
	m.calls++
	if m.at > 0 && (m.calls > m.at || m.calls == m.at && !m.after) {
		return errPower
	}
	err := do()
	if m.at > 0 && m.calls == m.at {
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

func (m *faulty) Symlink(target, path string) error {
	return m.through(func() error { return m.Machine.Symlink(target, path) })
}
