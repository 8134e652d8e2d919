package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Catalogue knows the program of every section: the agent's own and those of
// the plugin directory.
type Catalogue struct {
	// Builtin are the agent's own sections.
	Builtin map[string]Program
	// Directory may be nil.
	Directory *Directory
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

// Find gives the program of a section. It never waits for a plugin of the
// directory for the sake of another's section: only while nobody who has
// described itself serves the section is there something to wait for. The
// error is an *UnservedError, or that of ctx.
func (c *Catalogue) Find(ctx context.Context, name string) (Program, error) {
	if p, ok := c.Builtin[name]; ok {
		return p, nil
	}
	if c.Directory == nil {
		return Program{}, &UnservedError{Section: name}
	}
	p, all, ok := c.Directory.Find(ctx, c.Builtin, name)
	if ok {
		return p, nil
	}
	if ctx.Err() != nil {
		return Program{}, fmt.Errorf("find the plugin of the section %q: %w", name, context.Cause(ctx))
	}
	return Program{}, &UnservedError{Section: name, Refused: all.Refused}
}

// Scan looks at the plugin directory, waits until all in it have described
// themselves, and gives all there is.
func (c *Catalogue) Scan(ctx context.Context) Programs {
	if c.Directory == nil {
		return Programs{BySection: c.Builtin}
	}
	return c.Directory.Add(ctx, c.Builtin)
}

// Close ends and awaits what is still being asked.
func (c *Catalogue) Close() {
	if c.Directory != nil {
		c.Directory.Close()
	}
}

// Sections are the names of all sections served, as far as is known.
func (c *Catalogue) Sections() []string {
	return slices.Sorted(maps.Keys(c.known().BySection))
}

// Notes are one line for each executable that is refused, as far as is known.
func (c *Catalogue) Notes() []string {
	var notes []string
	for _, r := range c.known().Refused {
		reason := r.Reason
		if !strings.HasPrefix(reason, r.Path) {
			reason = r.Path + ": " + reason
		}
		notes = append(notes, "plugin refused: "+reason)
	}
	return notes
}

func (c *Catalogue) known() Programs {
	if c.Directory == nil {
		return Programs{BySection: c.Builtin}
	}
	return c.Directory.Known(c.Builtin)
}
