package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"innkeeper/agent/systems/section"
)

// describeDeadline bounds the describe of a plugin not yet known. It is long,
// as what failed is not asked again for describeAgain: a guest that was just
// restored on a busy host took 20 s.
const describeDeadline = 60 * time.Second

// describeAgain is when a plugin that could not describe itself is asked
// again though its file is the same, and describeTries how often it is asked.
const (
	describeAgain = 5 * time.Minute
	describeTries = 5
)

// describeAtOnce is how many plugins are asked at the same time, so that a
// full directory costs a small machine no more memory than that.
const describeAtOnce = 8

// Directory finds third-party plugins: executables in one directory, to which
// only root may write. What a plugin says of itself is remembered until its
// file changes. Plugins are asked at the same time, each with a deadline of
// its own, so that one that hangs delays nobody but who waits for it. Close is
// to be called at the end.
type Directory struct {
	// Path is the directory. One that is not there holds no plugins.
	Path string
	// Caller asks a plugin to describe itself.
	Caller Caller
	// Now is the time, time.Now if nil.
	Now func() time.Time

	mu      sync.Mutex
	known   map[string]*known // by path
	refused string            // why nothing of the directory is run
	news    chan struct{}     // closed when a plugin has answered
	slots   chan struct{}
	asking  sync.WaitGroup
	closed  bool
}

// Caller runs one operation of a program; *Supervisor is one.
type Caller interface {
	Call(ctx context.Context, p Program, q Request) (json.RawMessage, error)
}

// known is what was learnt of the file with this identity.
type known struct {
	file        fs.FileInfo
	asking      bool // it has not answered yet
	stop        context.CancelFunc
	description section.Description
	problem     string
	asked       time.Time
	tries       int
}

// Find gives the program of a section, and all that is known at that moment.
// It waits for plugins that have not described themselves yet only while none
// that has serves the section. It is false when none does.
func (d *Directory) Find(ctx context.Context, builtin map[string]Program, name string) (Program, Programs, bool) {
	d.look(ctx)
	for {
		all, pending, news := d.state(builtin)
		if p, ok := all.BySection[name]; ok || pending == 0 {
			return p, all, ok
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Program{}, all, false
		}
	}
}

// Add adds the directory's plugins to the built-in programs, when all have
// described themselves or failed to. A section that the agent serves itself is
// not given away.
func (d *Directory) Add(ctx context.Context, builtin map[string]Program) Programs {
	d.look(ctx)
	for {
		all, pending, news := d.state(builtin)
		if pending == 0 {
			return all
		}
		select {
		case <-news:
		case <-ctx.Done():
			return all
		}
	}
}

// Known is what is known at this moment; it waits for nobody.
func (d *Directory) Known(builtin map[string]Program) Programs {
	all, _, _ := d.state(builtin)
	return all
}

// Close ends what is still being asked and waits for its end.
func (d *Directory) Close() {
	d.mu.Lock()
	d.closed = true
	for _, k := range d.known {
		k.forget()
	}
	d.mu.Unlock()
	d.asking.Wait()
}

// look takes in what lies in the directory and begins to ask those files that
// are not known. It starts processes and waits for none.
func (d *Directory) look(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	if d.news == nil {
		d.news, d.slots = make(chan struct{}), make(chan struct{}, describeAtOnce)
	}
	seen := map[string]*known{}
	entries, err := os.ReadDir(d.Path)
	if err == nil && len(entries) > 0 {
		err = guarded(d.Path)
	}
	d.refused = ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.refused = "no plugin of it is run: " + err.Error()
	}
	for _, e := range entries {
		if path := filepath.Join(d.Path, e.Name()); err == nil && !e.IsDir() && candidate(e.Name()) {
			seen[path] = d.learn(ctx, path)
		}
	}
	for path, k := range d.known {
		if seen[path] != k {
			k.forget()
		}
	}
	d.known = seen
}

// forget ends the asking; the answer is of no use any more.
func (k *known) forget() {
	if k.asking {
		k.stop()
	}
}

// learn is what is known of a file; one not known begins to be asked.
func (d *Directory) learn(ctx context.Context, path string) *known {
	file, err := os.Lstat(path)
	if err == nil {
		err = runnable(path, file)
	}
	if err != nil {
		return &known{problem: err.Error()}
	}
	before, ok := d.known[path]
	same := ok && sameFile(before.file, file)
	if same && (before.asking || before.problem == "" || before.tries >= describeTries || d.now().Sub(before.asked) < describeAgain) {
		return before
	}
	// Whoever asks first may give up before the answer comes; the next one
	// still wants it.
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &known{file: file, asking: true, stop: stop, asked: d.now(), tries: 1}
	if same {
		k.tries = before.tries + 1
	}
	d.asking.Go(func() {
		defer stop()
		d.ask(asking, path, k)
	})
	return k
}

// ask has a plugin describe itself and makes the answer known.
func (d *Directory) ask(ctx context.Context, path string, k *known) {
	var description section.Description
	var err error
	select {
	case d.slots <- struct{}{}:
		description, err = d.describe(ctx, path)
		<-d.slots
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k.asking, k.description = false, description
	if err != nil {
		k.problem = err.Error()
		if k.tries >= describeTries {
			k.problem += fmt.Sprintf("; asked %d times, and not again until the file changes", k.tries)
		}
	}
	close(d.news)
	d.news = make(chan struct{})
}

// state is what is known, how many plugins have not answered yet, and what is
// closed when the next one has.
func (d *Directory) state(builtin map[string]Program) (all Programs, pending int, news <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all.BySection = make(map[string]Program, len(builtin))
	maps.Copy(all.BySection, builtin)
	if d.refused != "" {
		all.Refused = append(all.Refused, Refused{d.Path, d.refused})
	}
	// By name, so that the first of two that serve a section wins every time.
	for _, path := range slices.Sorted(maps.Keys(d.known)) {
		k := d.known[path]
		if k.asking {
			pending++
			continue
		}
		problem := k.problem
		if problem == "" {
			problem = all.add(path, k.description)
		}
		if problem != "" {
			all.Refused = append(all.Refused, Refused{path, problem})
		}
	}
	return all, pending, d.news
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

func (d *Directory) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

func sameFile(a, b fs.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
