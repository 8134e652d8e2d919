package hostname

import (
	"context"
	"errors"
	"io/fs"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// file is a text file that has the name in it.
type file struct {
	path string
	// summary is the change in words, given the old and the new text.
	summary func(is, want string) string
	// text is what the file should be.
	text func(h state.Hostname, is value) value
	// managed says whether there is such a file on this machine at all; nil
	// means that there is.
	managed func(m guest.Machine) bool
	absent  bool
}

func (f *file) key() string { return f.path }

func (f *file) read(_ context.Context, m guest.Machine) (value, error) {
	f.absent = f.managed != nil && !f.managed(m)
	return readFile(m, f.path)
}

func readFile(m guest.Machine, path string) (value, error) {
	b, err := m.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := string(b)
	return &s, nil
}

func (f *file) want(h state.Hostname, is value) value {
	if f.absent {
		return is
	}
	return f.text(h, is)
}

func (f *file) set(_ context.Context, m guest.Machine, _, to value, _ bool) error {
	return writeFile(m, f.path, to)
}

func writeFile(m guest.Machine, path string, to value) error {
	if to == nil {
		err := m.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := m.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return m.WriteFile(path, []byte(*to), mode)
}

func (f *file) tell(is, want value) section.Change {
	return section.Change{
		Summary: f.summary(text(is), text(want)),
		Path:    f.path,
		Diff:    linediff.Text(text(is), text(want)),
	}
}

// text is a value's text, empty if it is not there.
func text(v value) string {
	if v == nil {
		return ""
	}
	return *v
}

func some(s string) value { return &s }
