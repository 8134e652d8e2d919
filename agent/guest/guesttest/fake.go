// Package guesttest has a machine in memory for the unit tests of drivers.
package guesttest

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"innkeeper/agent/guest"
)

// Fake is a guest.Machine in memory: files, and commands that are answered by
// what the test scripted. It notes all that changed it. Paths may be of
// either notation; backslashes count as slashes. The zero value is not ready,
// use New.
type Fake struct {
	// Clock is what Now answers.
	Clock time.Time
	// Before, if set, is called before each call with its name ("WriteFile",
	// "Run" ...) and its path or command line; the call fails with the error
	// it returns.
	Before func(call, on string) error

	mu     sync.Mutex
	nodes  map[string]*node
	script []answer
	ran    []guest.Command
	writes []string
}

type node struct {
	data []byte
	mode fs.FileMode
	link string
	time time.Time
}

type answer struct {
	line string
	do   func(guest.Command) (guest.Result, error)
}

// New is a machine with these files, whose directories exist.
func New(files map[string]string) *Fake {
	f := &Fake{Clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), nodes: map[string]*node{}}
	for name, content := range files {
		f.Put(name, content)
	}
	return f
}

var _ guest.Machine = (*Fake)(nil)

// Put lays a file and its directories down without noting a write.
func (f *Fake) Put(name, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = clean(name)
	f.mkdirs(path.Dir(name), 0o755)
	f.nodes[name] = &node{data: []byte(content), mode: 0o644, time: f.Clock}
}

// PutDir lays an empty directory down without noting a write.
func (f *Fake) PutDir(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mkdirs(clean(name), 0o755)
}

// PutLink lays a symbolic link down without noting a write.
func (f *Fake) PutLink(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = clean(name)
	f.mkdirs(path.Dir(name), 0o755)
	f.nodes[name] = &node{link: target, mode: fs.ModeSymlink | 0o777, time: f.Clock}
}

// Content is a file's content, or empty if there is none.
func (f *Fake) Content(name string) string {
	b, err := f.read(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// Exists says whether there is something at name.
func (f *Fake) Exists(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[clean(name)] != nil
}

// On answers a command line, as guest.Command.String shows it, with a result.
// A line that ends in "*" answers every line that begins so. What was scripted
// last wins.
func (f *Fake) On(line string, r guest.Result) *Fake {
	return f.OnDo(line, func(guest.Command) (guest.Result, error) { return r, nil })
}

// OnOutput answers a command line with status 0 and this standard output.
func (f *Fake) OnOutput(line, stdout string) *Fake {
	return f.On(line, guest.Result{Stdout: []byte(stdout)})
}

// OnDo answers a command line by calling do, which may change the Fake's files.
func (f *Fake) OnDo(line string, do func(guest.Command) (guest.Result, error)) *Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answer{line, do})
	return f
}

// Ran are the command lines run so far, in order.
func (f *Fake) Ran() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := make([]string, 0, len(f.ran))
	for _, c := range f.ran {
		lines = append(lines, c.String())
	}
	return lines
}

// Commands are the commands run so far, in order.
func (f *Fake) Commands() []guest.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]guest.Command(nil), f.ran...)
}

// Writes are the changes of files so far, in order: "WriteFile /etc/hostname".
func (f *Fake) Writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.writes...)
}

// Forget empties Ran, Commands and Writes.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran, f.writes = nil, nil
}

// Now implements guest.Machine.
func (f *Fake) Now() time.Time { return f.Clock }

// Run implements guest.Machine.
func (f *Fake) Run(ctx context.Context, c guest.Command) (guest.Result, error) {
	line := c.String()
	if err := f.before("Run", line); err != nil {
		return guest.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return guest.Result{}, err
	}
	f.mu.Lock()
	f.ran = append(f.ran, c)
	var do func(guest.Command) (guest.Result, error)
	for _, a := range f.script {
		begin, open := strings.CutSuffix(a.line, "*")
		if a.line == line || open && strings.HasPrefix(line, begin) {
			do = a.do
		}
	}
	f.mu.Unlock()
	if do == nil {
		return guest.Result{}, fmt.Errorf("run %s: the test scripted no answer: %w", line, fs.ErrNotExist)
	}
	return do(c)
}

// Names lists every file and link, sorted.
func (f *Fake) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, n := range f.nodes {
		if !n.mode.IsDir() {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func clean(name string) string { return path.Clean(strings.ReplaceAll(name, `\`, "/")) }
