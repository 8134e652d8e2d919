package plugin

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Catalogue knows the program of every section: the agent's own and those of
// the plugin directory.
type Catalogue struct {
	// Builtin are the agent's own sections.
	Builtin map[string]Program
	// Directory may be nil.
	Directory *Directory

	mu   sync.Mutex
	last Programs
}

// UnservedError says that no program serves a section.
type UnservedError struct {
	Section string
	// Refused are the executables that might and are not run, and why.
	Refused []Refused
}

// Error implements error.
func (e *UnservedError) Error() string {
	s := fmt.Sprintf("no plugin serves the section %q on this system", e.Section)
	for _, r := range e.Refused {
		s += fmt.Sprintf("; %s is not run: %s", r.Path, r.Reason)
	}
	return s
}

// Find gives the program of a section. Only for a section that is not the
// agent's own does it look into the plugin directory, so that a plugin there
// that hangs delays no other section. The error is an *UnservedError.
func (c *Catalogue) Find(ctx context.Context, name string) (Program, error) {
	if p, ok := c.Builtin[name]; ok {
		return p, nil
	}
	all := c.Scan(ctx)
	if p, ok := all.BySection[name]; ok {
		return p, nil
	}
	return Program{}, &UnservedError{Section: name, Refused: all.Refused}
}

// Scan looks at the plugin directory and gives all there is.
func (c *Catalogue) Scan(ctx context.Context) Programs {
	all := Programs{BySection: c.Builtin}
	if c.Directory != nil {
		all = c.Directory.Add(ctx, c.Builtin)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = all
	return all
}

// Sections are the names of all sections served, as last scanned.
func (c *Catalogue) Sections() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	served := c.last.BySection
	if served == nil {
		served = c.Builtin
	}
	names := make([]string, 0, len(served))
	for name := range served {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Notes are one line for each executable that was refused in the last scan.
func (c *Catalogue) Notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var notes []string
	for _, r := range c.last.Refused {
		reason := r.Reason
		if !strings.HasPrefix(reason, r.Path) {
			reason = r.Path + ": " + reason
		}
		notes = append(notes, "plugin refused: "+reason)
	}
	return notes
}
