package update_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"sync"
	"testing"

	"innkeeper/agent/update"
)

var errPower = errors.New("the power went")

// power counts the calls to a machine and fails those from number at on: the
// process that made them is dead.
type power struct {
	mu        sync.Mutex
	at, calls int
}

func (p *power) goesAt(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.calls = n, 0
}

func (p *power) call() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.at != 0 && p.calls >= p.at {
		return errPower
	}
	return nil
}

func (p *power) went() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at != 0 && p.calls >= p.at
}

// disk is one in memory: what was not synced is gone when the power goes.
type disk struct {
	power *power
	now   map[string][]byte
	safe  map[string][]byte
	err   error // of every change
}

func newDisk(p *power, name, content string) *disk {
	return &disk{
		power: p, now: map[string][]byte{name: []byte(content)}, safe: map[string][]byte{name: []byte(content)},
	}
}

// cut is what a power cut does to it.
func (d *disk) cut() { d.now = maps.Clone(d.safe) }

func (d *disk) change() error { return errors.Join(d.power.call(), d.err) }

func (d *disk) Create(path string) (update.File, error) {
	if err := d.change(); err != nil {
		return nil, err
	}
	d.now[path] = nil
	return &file{d, path}, nil
}

func (d *disk) Open(path string) (io.ReadCloser, error) {
	if err := d.power.call(); err != nil {
		return nil, err
	}
	content, ok := d.now[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (d *disk) Keep(path, name string) error {
	if err := d.change(); err != nil {
		return err
	}
	d.now[name] = d.now[path]
	return nil
}

func (d *disk) Replace(from, to string) error {
	if err := d.change(); err != nil {
		return err
	}
	d.now[to] = d.now[from]
	delete(d.now, from)
	d.safe = maps.Clone(d.now)
	return d.change() // dead before it hears that it was done
}

func (d *disk) Remove(path string) error {
	if err := d.power.call(); err != nil {
		return err
	}
	if _, ok := d.now[path]; !ok {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	delete(d.now, path)
	return nil
}

type file struct {
	d    *disk
	path string
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.d.change(); err != nil {
		return 0, err
	}
	f.d.now[f.path] = append(bytes.Clone(f.d.now[f.path]), p...)
	return len(p), nil
}

func (f *file) Sync() error {
	if err := f.d.change(); err != nil {
		return err
	}
	f.d.safe[f.path] = f.d.now[f.path]
	return nil
}

func (f *file) Close() error { return f.d.power.call() }

func TestTheLocalDisk(t *testing.T) {
	d, dir := update.LocalDisk(), t.TempDir()
	read := func(path string) string {
		t.Helper()
		f, err := d.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return "absent"
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	write := func(path, content string) {
		t.Helper()
		f, err := d.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	is, fresh, old := dir+"/guestd", dir+"/guestd.new", dir+"/guestd.old"
	write(is, "1")
	write(fresh, "half")
	write(fresh, "2")
	for _, want := range []string{"1", "2"} {
		if err := d.Keep(is, old); err != nil {
			t.Fatal(err)
		}
		if read(old) != want || read(is) != want {
			t.Errorf("kept %s of %s, want %s", read(old), read(is), want)
		}
		write(fresh, "2")
		if err := d.Replace(fresh, is); err != nil {
			t.Fatal(err)
		}
		if read(is) != "2" || read(fresh) != "absent" || read(old) != want {
			t.Errorf("is %s, new %s, old %s", read(is), read(fresh), read(old))
		}
	}
	if err := d.Remove(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed what is not there: %v", err)
	}
}
