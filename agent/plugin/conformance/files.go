package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"innkeeper/agent/systems/section"
)

// files are the files that a plan names, as they were when it was made.
type files map[string]snapshot

type snapshot struct {
	content []byte
	mode    fs.FileMode
	missing bool
}

// look takes in the files of a plan.
func look(p section.Plan) files {
	seen := files{}
	for _, c := range p.Changes {
		if c.Path == "" {
			continue
		}
		if s, err := snap(c.Path); err == nil {
			seen[c.Path] = s
		}
	}
	return seen
}

func snap(path string) (snapshot, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{missing: true}, nil
	}
	if err != nil {
		return snapshot{}, err
	}
	s := snapshot{mode: info.Mode()}
	if info.Mode().IsRegular() {
		s.content, err = os.ReadFile(path)
	}
	return s, err
}

// unchanged is an error if a file is not as it was.
func (f files) unchanged() error {
	for path, was := range f {
		is, err := snap(path)
		switch {
		case err != nil:
			return fmt.Errorf("look at %s: %w", path, err)
		case was.missing && !is.missing:
			return fmt.Errorf("%s was not there and is now", path)
		case is.missing && !was.missing:
			return fmt.Errorf("%s was there and is not any more", path)
		case is.mode != was.mode:
			return fmt.Errorf("the mode of %s was %v and is %v", path, was.mode, is.mode)
		case !bytes.Equal(is.content, was.content):
			return fmt.Errorf("the content of %s is not what it was", path)
		}
	}
	return nil
}
