package hostname_test

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"innkeeper/agent/guest"
)

var errPower = errors.New("the power went")

// faults lets the call number at fail, and every one after it: the process is
// dead. After says that the call has had its effect by then.
type faults struct {
	mu        sync.Mutex
	at, calls int
	after     bool
}

// set begins anew.
func (f *faults) set(at int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.calls, f.after = at, 0, after
}

func (f *faults) before() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == 0 {
		return nil
	}
	f.calls++
	if f.calls > f.at || f.calls == f.at && !f.after {
		return errPower
	}
	return nil
}

func (f *faults) done() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at != 0 && f.calls == f.at {
		return errPower
	}
	return nil
}

func (f *faults) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls >= f.at
}

// faulty is a machine whose changing calls go through faults.
type faulty struct {
	guest.Machine
	*faults
}

func (m faulty) through(do func() error) error {
	if err := m.before(); err != nil {
		return err
	}
	return errors.Join(do(), m.done())
}

func (m faulty) WriteFile(path string, data []byte, mode fs.FileMode) error {
	return m.through(func() error { return m.Machine.WriteFile(path, data, mode) })
}

func (m faulty) Remove(path string) error {
	return m.through(func() error { return m.Machine.Remove(path) })
}

func (m faulty) Run(ctx context.Context, c guest.Command) (r guest.Result, err error) {
	err = m.through(func() error { r, err = m.Machine.Run(ctx, c); return err })
	return r, err
}
