// Package warm keeps guests that have booted once: the saved memory and the
// disk as it was at that moment, under a key made of everything they depend
// on, so that later runs begin where a boot ended.
package warm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Store is a folder of saved guests.
type Store struct {
	// Dir is the folder; it is made when first needed.
	Dir string
}

// State is a saved guest. Both files are read-only: a run lays an overlay of
// its own over Disk and reads Memory.
type State struct {
	// Memory is libvirt's save image.
	Memory string
	// Disk is the qcow2 overlay as it was when Memory was saved.
	Disk string
}

// File names within a saved guest's folder.
const (
	memoryFile   = "memory.save"
	diskFile     = "disk.qcow2"
	manifestFile = "manifest.json"
)

// Key is the name under which a guest is kept: a digest of the parts, which
// are to hold all that a saved memory depends on (recipe hash, domain
// definition, QEMU's version).
func Key(system string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return system + "-" + hex.EncodeToString(sum[:8])
}

// ErrAbsent says that nothing is kept under a key.
var ErrAbsent = errors.New("no saved state")

// Load returns the guest kept under key after comparing every byte with the
// digests taken when it was saved. A damaged one is removed and the error says
// what was wrong; ErrAbsent is wrapped if there is none.
func (s Store) Load(key string) (State, error) {
	dir := filepath.Join(s.Dir, key)
	want, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("%w in %s", ErrAbsent, dir)
	}
	if err == nil {
		err = verify(dir, want)
	}
	if err != nil {
		if rm := os.RemoveAll(dir); rm != nil {
			return State{}, fmt.Errorf("saved state %s is damaged (%w) and cannot be removed: %w", dir, err, rm)
		}
		return State{}, fmt.Errorf("saved state %s was damaged and is removed: %w", dir, err)
	}
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, manifestFile), now, now) // for pruning by last use
	return stateIn(dir), nil
}

// Save keeps a guest under key: fill puts its memory and disk at the paths of
// the State it is given. The entry appears whole or not at all; if another
// process kept one meanwhile, that stays and is returned.
func (s Store) Save(key string, fill func(State) error) (State, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return State{}, err
	}
	tmp, err := os.MkdirTemp(s.Dir, ".saving-")
	if err != nil {
		return State{}, err
	}
	defer os.RemoveAll(tmp)
	if err := fill(stateIn(tmp)); err != nil {
		return State{}, err
	}
	sums := map[string]string{}
	for _, name := range []string{memoryFile, diskFile} {
		if sums[name], err = digest(filepath.Join(tmp, name)); err != nil {
			return State{}, fmt.Errorf("saved state: %w", err)
		}
		if err := os.Chmod(filepath.Join(tmp, name), 0o400); err != nil {
			return State{}, err
		}
	}
	data, err := json.MarshalIndent(sums, "", "  ")
	if err != nil {
		return State{}, err
	}
	if err := os.WriteFile(filepath.Join(tmp, manifestFile), data, 0o600); err != nil {
		return State{}, err
	}
	dir := filepath.Join(s.Dir, key)
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return State{}, fmt.Errorf("keep the saved state: %w", err)
	}
	return stateIn(dir), nil
}

// Drop removes what is kept under key, for a state that turned out not to
// restore.
func (s Store) Drop(key string) error { return os.RemoveAll(filepath.Join(s.Dir, key)) }

func stateIn(dir string) State {
	return State{Memory: filepath.Join(dir, memoryFile), Disk: filepath.Join(dir, diskFile)}
}

func readManifest(dir string) (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	var sums map[string]string
	if err := json.Unmarshal(data, &sums); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return sums, nil
}

func verify(dir string, want map[string]string) error {
	for _, name := range []string{memoryFile, diskFile} {
		got, err := digest(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if got != want[name] {
			return fmt.Errorf("%s has SHA-256 %s, its manifest says %q", name, got, want[name])
		}
	}
	return nil
}

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
