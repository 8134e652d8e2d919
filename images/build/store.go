package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// store is the cache: a folder with one folder per entry, named after what it
// holds and its hash. An entry appears whole, by a rename, or not at all.
type store struct {
	dir string
	// say tells a person what they would wonder about.
	say func(what string)
}

const manifestName = "manifest.json"

// manifest is what an entry's files must be.
type manifest struct {
	Files map[string]fileSum `json:"files"`
}

type fileSum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ensure returns the folder of the entry, filled by fill if it is absent or
// damaged. fill may leave scratch folders behind; only files belong to the
// entry.
func (s *store) ensure(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	dir := filepath.Join(s.dir, name)
	if verifyEntry(dir) == nil {
		return dir, nil
	}
	unlock, err := s.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	// Another process may have filled it while this one waited for the lock.
	switch err := verifyEntry(dir); {
	case err == nil:
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		s.say(fmt.Sprintf("the cached %s is damaged (%v): building it again", name, err))
	}
	return dir, s.fill(ctx, name, fill)
}

// fill makes the entry in a scratch folder and renames it. The lock is held, so
// whatever lies in the scratch folder was left by a process that died.
func (s *store) fill(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (err error) {
	work := filepath.Join(s.dir, "work-"+name)
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("remove what a dead build left: %w", err)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := fill(ctx, work); err != nil {
		return err
	}
	if err := seal(work); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(work, dir); err != nil {
		return err
	}
	s.prune(name)
	return nil
}

// seal removes scratch folders, makes the files read-only, writes the manifest
// and brings all of it to the disk.
func seal(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	m := manifest{Files: map[string]fileSum{}}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := os.RemoveAll(file); err != nil {
				return err
			}
			continue
		}
		if err := os.Chmod(file, 0o444); err != nil {
			return err
		}
		if m.Files[e.Name()], err = sumFile(file); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, manifestName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// verifyEntry compares an entry with its manifest. The error wraps
// fs.ErrNotExist if there is no entry, and only then.
func verifyEntry(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return fmt.Errorf("no readable manifest: %v", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	if len(m.Files) == 0 {
		return fmt.Errorf("%s names no file", manifestName)
	}
	for name, want := range m.Files {
		if filepath.Base(name) != name {
			return fmt.Errorf("%s names %q, which is not a file beside it", manifestName, name)
		}
		got, err := sumFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
		if got != want {
			return fmt.Errorf("%s has %d bytes and SHA-256 %s, the manifest says %d and %s", name, got.Size, got.SHA256, want.Size, want.SHA256)
		}
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, manifestName), now, now) // the last use, for whoever prunes
	return nil
}
