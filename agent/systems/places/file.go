package places

import (
	"context"
	"errors"
	"io/fs"
	slashpath "path"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// File is a text file that is a place.
type File[D any] struct {
	Path string
	// Summary is the change in words.
	Summary string
	// Command is what has the system read the file, for people.
	Command string
	// Text is what the file should be, given what it is.
	Text func(d D, is Value) Value
}

var _ Place[int] = &File[int]{}

// Key implements Place.
func (f *File[D]) Key() string { return f.Path }

// Read implements Place.
func (f *File[D]) Read(_ context.Context, m guest.Machine) (Value, error) {
	return ReadFile(m, f.Path)
}

// ReadFile is what a file holds.
func ReadFile(m guest.Machine, path string) (Value, error) {
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

// Want implements Place.
func (f *File[D]) Want(d D, is Value) Value { return f.Text(d, is) }

// Set implements Place.
func (f *File[D]) Set(_ context.Context, m guest.Machine, _, to Value, _ bool) error {
	return WriteFile(m, f.Path, to)
}

// WriteFile makes a file what a value says, with the mode it has, or 0644. It
// makes the folder, and takes a file away that should not be there.
func WriteFile(m guest.Machine, path string, to Value) error {
	return WriteFileMode(m, path, to, 0o644)
}

// WriteFileMode is WriteFile with another mode for a file that is new.
func WriteFileMode(m guest.Machine, path string, to Value, mode fs.FileMode) error {
	if to == nil {
		err := m.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if info, err := m.Stat(path); err == nil {
		mode = info.Mode().Perm()
	} else if err := m.MkdirAll(slashpath.Dir(path), 0o755); err != nil {
		return err
	}
	return m.WriteFile(path, []byte(*to), mode)
}

// Tell implements Place.
func (f *File[D]) Tell(is, want Value) section.Change {
	return section.Change{Summary: f.Summary, Path: f.Path, Diff: linediff.Text(Text(is), Text(want)), Command: f.Command}
}
