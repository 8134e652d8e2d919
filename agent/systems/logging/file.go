package logging

import (
	"context"
	"errors"
	"io/fs"
	slashpath "path"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// file is a text file that says where the log goes, or how much of it is kept.
type file struct {
	path string
	// summary is the change in words.
	summary string
	// command is what has the system read the file.
	command string
	// text is what the file should be.
	text func(l state.Logging, is value) value
}

func (f *file) key() string { return f.path }

func (f *file) read(_ context.Context, m guest.Machine) (value, error) {
	b, err := m.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := string(b)
	return &s, nil
}

func (f *file) want(l state.Logging, is value) value { return f.text(l, is) }

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
	} else if err := m.MkdirAll(slashpath.Dir(path), 0o755); err != nil {
		return err
	}
	return m.WriteFile(path, []byte(*to), mode)
}

func (f *file) tell(is, want value) section.Change {
	return section.Change{Summary: f.summary, Path: f.path, Diff: linediff.Text(text(is), text(want)), Command: f.command}
}
