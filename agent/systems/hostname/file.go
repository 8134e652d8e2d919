package hostname

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/places"
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
	return places.ReadFile(m, f.path)
}

func (f *file) want(h state.Hostname, is value) value {
	if f.absent {
		return is
	}
	return f.text(h, is)
}

func (f *file) set(_ context.Context, m guest.Machine, _, to value, _ bool) error {
	return places.WriteFile(m, f.path, to)
}

func (f *file) tell(is, want value) section.Change {
	return section.Change{
		Summary: f.summary(places.Text(is), places.Text(want)),
		Path:    f.path,
		Diff:    linediff.Text(places.Text(is), places.Text(want)),
	}
}

// some is a value with this text, which may be empty.
func some(s string) value { return &s }
