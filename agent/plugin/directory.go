package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"innkeeper/agent/systems/section"
)

// describeDeadline bounds the describe of a plugin not yet known. It is long,
// as what failed is not asked again for describeAgain: a guest that was just
// restored on a busy host took 20 s.
const describeDeadline = 60 * time.Second

// describeAgain is when a plugin that could not describe itself is asked
// again though its file is the same.
const describeAgain = 5 * time.Minute

// Directory finds third-party plugins: executables in one directory, to which
// only root may write. What a plugin says of itself is remembered until its
// file changes.
type Directory struct {
	// Path is the directory. One that is not there holds no plugins.
	Path string
	// Caller asks a plugin to describe itself.
	Caller Caller

	mu    sync.Mutex
	known map[string]known
}

// Caller runs one operation of a program; *Supervisor is one.
type Caller interface {
	Call(ctx context.Context, p Program, q Request) (json.RawMessage, error)
}

// known is what was learnt of the file with this identity.
type known struct {
	file        fs.FileInfo
	description section.Description
	problem     string
	asked       time.Time
}

var nameOfSection = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Add adds the directory's plugins to the built-in programs. A section that
// the agent serves itself is not given away.
func (d *Directory) Add(ctx context.Context, builtin map[string]Program) Programs {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := Programs{BySection: make(map[string]Program, len(builtin))}
	for name, p := range builtin {
		all.BySection[name] = p
	}
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return all
	}
	if err == nil && len(entries) > 0 {
		err = guarded(d.Path)
	}
	if err != nil {
		all.Refused = append(all.Refused, Refused{d.Path, "no plugin of it is run: " + err.Error()})
		return all
	}
	seen := map[string]known{}
	for _, e := range entries { // sorted by name, so the first of two wins every time
		path := filepath.Join(d.Path, e.Name())
		if e.IsDir() || !candidate(e.Name()) {
			continue
		}
		k := d.learn(ctx, path)
		seen[path] = k
		if k.problem == "" {
			k.problem = all.add(path, k.description)
		}
		if k.problem != "" {
			all.Refused = append(all.Refused, Refused{path, k.problem})
		}
	}
	d.known = seen
	return all
}

// add takes a plugin in for its sections and says why not if it cannot.
func (ps *Programs) add(path string, desc section.Description) string {
	for _, name := range desc.Sections {
		if p, taken := ps.BySection[name]; taken {
			if p.Builtin {
				return fmt.Sprintf("it serves the section %q, which the agent serves itself", name)
			}
			return fmt.Sprintf("it serves the section %q, as does %s", name, p.Path)
		}
	}
	for _, name := range desc.Sections {
		ps.BySection[name] = Program{Section: name, Path: path, Description: desc}
	}
	return ""
}

// learn looks at a file and asks it to describe itself, unless that is known.
func (d *Directory) learn(ctx context.Context, path string) known {
	file, err := os.Lstat(path)
	if err != nil {
		return known{problem: err.Error()}
	}
	k, ok := d.known[path]
	if err := runnable(path, file); err != nil {
		return known{problem: err.Error()}
	}
	if ok && sameFile(k.file, file) && (k.problem == "" || time.Since(k.asked) < describeAgain) {
		return k
	}
	k = known{file: file, asked: time.Now()}
	k.description, err = d.describe(ctx, path)
	if err != nil {
		k.problem = err.Error()
	}
	return k
}

func sameFile(a, b fs.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (d *Directory) describe(ctx context.Context, path string) (section.Description, error) {
	p := Program{Section: strings.TrimSuffix(filepath.Base(path), ".exe"), Path: path}
	p.Description.DeadlineSeconds = int(describeDeadline / time.Second)
	raw, err := d.Caller.Call(ctx, p, Request{Operation: section.OpDescribe, Section: p.Section})
	if err != nil {
		return section.Description{}, fmt.Errorf("it does not describe itself: %w", err)
	}
	return parseDescription(raw)
}

func parseDescription(raw json.RawMessage) (section.Description, error) {
	var desc section.Description
	if err := json.Unmarshal(raw, &desc); err != nil {
		return desc, fmt.Errorf("its description is not of the protocol: %w", err)
	}
	if len(desc.Sections) == 0 {
		return desc, errors.New("its description names no section")
	}
	for _, name := range desc.Sections {
		if !nameOfSection.MatchString(name) {
			return desc, fmt.Errorf("its description names the section %q; a name is lower case letters, digits and inner hyphens, a letter first, at most 63", name)
		}
	}
	sort.Strings(desc.Sections)
	return desc, nil
}
