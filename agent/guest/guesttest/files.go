package guesttest

import (
	"errors"
	"io/fs"
	"path"
	"sort"
	"strings"
	"syscall"
	"time"
)

func (f *Fake) before(call, on string) error {
	if f.Before == nil {
		return nil
	}
	return f.Before(call, on)
}

func (f *Fake) note(call, name string) { f.writes = append(f.writes, call+" "+name) }

func (f *Fake) mkdirs(name string, mode fs.FileMode) {
	for name != "." && name != "/" && f.nodes[name] == nil {
		f.nodes[name] = &node{mode: fs.ModeDir | mode, time: f.Clock}
		name = path.Dir(name)
	}
}

// resolve follows links in every part of name; the last part need not exist.
func (f *Fake) resolve(name string) (string, error) {
	name = clean(name)
	for range 40 {
		at, rest := "", name
		again := false
		for rest != "" {
			i := strings.IndexByte(rest[1:], '/') + 1
			if i == 0 {
				i = len(rest)
			}
			at, rest = at+rest[:i], rest[i:]
			n := f.nodes[at]
			if n == nil || n.link == "" {
				continue
			}
			to := clean(n.link)
			if !absolute(to) {
				to = path.Join(path.Dir(at), to)
			}
			name, again = clean(to+rest), true
			break
		}
		if !again {
			return name, nil
		}
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("too many symbolic links")}
}

// absolute is true for paths of either notation.
func absolute(p string) bool {
	return strings.HasPrefix(p, "/") || len(p) > 1 && p[1] == ':'
}

func (f *Fake) read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	n := f.nodes[at]
	switch {
	case n == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n.mode.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	}
	return append([]byte(nil), n.data...), nil
}

// ReadFile implements guest.Machine.
func (f *Fake) ReadFile(name string) ([]byte, error) {
	if err := f.before("ReadFile", name); err != nil {
		return nil, err
	}
	return f.read(name)
}

// parent fails unless the directory of a resolved path is there.
func (f *Fake) parent(op, name, at string) error {
	dir := path.Dir(at)
	if dir == "/" || dir == "." {
		return nil
	}
	n := f.nodes[dir]
	switch {
	case n == nil:
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case !n.mode.IsDir():
		return &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
	}
	return nil
}

// WriteFile implements guest.Machine.
func (f *Fake) WriteFile(name string, data []byte, mode fs.FileMode) error {
	if err := f.before("WriteFile", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(name)
	if err != nil {
		return err
	}
	if err := f.parent("write", name, at); err != nil {
		return err
	}
	if n := f.nodes[at]; n != nil && n.mode.IsDir() {
		return &fs.PathError{Op: "write", Path: name, Err: syscall.EISDIR}
	}
	f.nodes[at] = &node{data: append([]byte(nil), data...), mode: mode.Perm(), time: f.Clock}
	f.note("WriteFile", name)
	return nil
}

// Remove implements guest.Machine.
func (f *Fake) Remove(name string) error {
	if err := f.before("Remove", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(path.Dir(clean(name)))
	if err != nil {
		return err
	}
	at = path.Join(at, path.Base(clean(name)))
	if f.nodes[at] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	for other := range f.nodes {
		if strings.HasPrefix(other, at+"/") {
			return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
		}
	}
	delete(f.nodes, at)
	f.note("Remove", name)
	return nil
}

// Stat implements guest.Machine.
func (f *Fake) Stat(name string) (fs.FileInfo, error) {
	if err := f.before("Stat", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	n := f.nodes[at]
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info{path.Base(clean(name)), *n}, nil
}

// ReadDir implements guest.Machine.
func (f *Fake) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.before("ReadDir", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	if n := f.nodes[at]; at != "/" && n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	} else if n != nil && !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	var entries []fs.DirEntry
	for other, n := range f.nodes {
		if path.Dir(other) == at {
			entries = append(entries, fs.FileInfoToDirEntry(info{path.Base(other), *n}))
		}
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries, nil
}

// MkdirAll implements guest.Machine.
func (f *Fake) MkdirAll(name string, mode fs.FileMode) error {
	if err := f.before("MkdirAll", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(name)
	if err != nil {
		return err
	}
	for p := at; p != "/" && p != "."; p = path.Dir(p) {
		if n := f.nodes[p]; n != nil && !n.mode.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: p, Err: syscall.ENOTDIR}
		}
	}
	if f.nodes[at] == nil {
		f.mkdirs(at, mode.Perm())
		f.note("MkdirAll", name)
	}
	return nil
}

// Readlink implements guest.Machine.
func (f *Fake) Readlink(name string) (string, error) {
	if err := f.before("Readlink", name); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.resolve(path.Dir(clean(name)))
	if err != nil {
		return "", err
	}
	n := f.nodes[path.Join(at, path.Base(clean(name)))]
	switch {
	case n == nil:
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
	case n.link == "":
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	return n.link, nil
}

// Symlink implements guest.Machine.
func (f *Fake) Symlink(target, name string) error {
	if err := f.before("Symlink", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, err := f.resolve(path.Dir(clean(name)))
	if err != nil {
		return err
	}
	at := path.Join(dir, path.Base(clean(name)))
	if err := f.parent("symlink", name, at); err != nil {
		return err
	}
	if n := f.nodes[at]; n != nil && n.mode.IsDir() {
		return &fs.PathError{Op: "symlink", Path: name, Err: syscall.EISDIR}
	}
	f.nodes[at] = &node{link: target, mode: fs.ModeSymlink | 0o777, time: f.Clock}
	f.note("Symlink", name)
	return nil
}

type info struct {
	name string
	n    node
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.n.data)) }
func (i info) Mode() fs.FileMode  { return i.n.mode }
func (i info) ModTime() time.Time { return i.n.time }
func (i info) IsDir() bool        { return i.n.mode.IsDir() }
func (i info) Sys() any           { return nil }
