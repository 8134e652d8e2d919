package network

import (
	"errors"
	"io/fs"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// file is one file of the configuration.
type file struct {
	path string
	// is and want are its content, nil where it is not there.
	is, want *string
	// mode is that of a new file.
	mode fs.FileMode
	// summary is the change in words.
	summary string
}

// read is the content of a file, nil if it is not there.
func read(m guest.Machine, path string) (*string, error) {
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

// plan is a file that should have a content, nil for none.
func plan(m guest.Machine, path string, want *string, mode fs.FileMode, summary string) (file, error) {
	is, err := read(m, path)
	return file{path: path, is: is, want: want, mode: mode, summary: summary}, err
}

func (f file) changes() bool { return !same(f.is, f.want) }

// put makes the file hold a content; the mode of one that is there stays.
func (f file) put(m guest.Machine, content *string) error {
	if content == nil {
		err := m.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	mode := f.mode
	if info, err := m.Stat(f.path); err == nil {
		mode = info.Mode().Perm()
	}
	return m.WriteFile(f.path, []byte(*content), mode)
}

func changedFiles(all []file) []file {
	var changed []file
	for _, f := range all {
		if f.changes() {
			changed = append(changed, f)
		}
	}
	return changed
}

// tell says what will be done: each file with its change, then each command.
func tell(files []file, wrong []string, commands []step) []section.Change {
	var all []section.Change
	for _, f := range files {
		all = append(all, section.Change{Summary: f.summary, Path: f.path, Diff: linediff.Text(text(f.is), text(f.want))})
	}
	for _, w := range wrong {
		all = append(all, section.Change{Summary: "put right that " + w})
	}
	for _, c := range commands {
		all = append(all, section.Change{Summary: "bring the configuration into force", Command: c.String()})
	}
	return all
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return *a == *b
}

// text is a content, empty if it is not there.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
