package network

import (
	"io/fs"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// file is one file of the configuration.
type file struct {
	path string
	// is and want are its content, nil where it is not there.
	is, want places.Value
	// mode is that of a new file.
	mode fs.FileMode
	// summary is the change in words.
	summary string
}

// plan is a file that should have a content, nil for none.
func plan(m guest.Machine, path string, want *string, mode fs.FileMode, summary string) (file, error) {
	is, err := places.ReadFile(m, path)
	return file{path: path, is: is, want: want, mode: mode, summary: summary}, err
}

func (f file) changes() bool { return !places.Same(f.is, f.want) }

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
		all = append(all, section.Change{Summary: f.summary, Path: f.path, Diff: linediff.Text(places.Text(f.is), places.Text(f.want))})
	}
	for _, w := range wrong {
		all = append(all, section.Change{Summary: "put right that " + w})
	}
	for _, c := range commands {
		all = append(all, section.Change{Summary: "bring the configuration into force", Command: c.String()})
	}
	return all
}
