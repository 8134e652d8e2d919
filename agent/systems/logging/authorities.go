package logging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	slashpath "path"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// authorities are the files, in one folder, with the certificates that vouch
// for tls targets. Each is named after its content, so that no file that is in
// use ever changes.
type authorities struct{ dir string }

const (
	authorityPrefix = "guestd-ca-"
	authoritySuffix = ".pem"
)

// file is where the authorities of a target are, or empty.
func (a authorities) file(t state.LogTarget) string {
	if t.Protocol != state.LogTLS {
		return ""
	}
	sum := sha256.Sum256([]byte(t.CA))
	return slashpath.Join(a.dir, authorityPrefix+hex.EncodeToString(sum[:8])+authoritySuffix)
}

func (a authorities) Key() string { return slashpath.Join(a.dir, authorityPrefix+"*"+authoritySuffix) }

func (a authorities) Read(_ context.Context, m guest.Machine) (places.Value, error) {
	entries, err := m.ReadDir(a.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files := map[string]string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), authorityPrefix) || !strings.HasSuffix(e.Name(), authoritySuffix) {
			continue
		}
		file := slashpath.Join(a.dir, e.Name())
		b, err := m.ReadFile(file)
		if err != nil {
			return nil, err
		}
		files[file] = string(b)
	}
	return encodeFiles(files), nil
}

// encodeFiles gives nil for no files. JSON orders the names.
func encodeFiles(files map[string]string) places.Value {
	if len(files) == 0 {
		return nil
	}
	b, err := json.Marshal(files)
	if err != nil { // strings always can be
		panic(err)
	}
	return places.Some(string(b))
}

func decodeFiles(v places.Value) (map[string]string, error) {
	files := map[string]string{}
	if v == nil {
		return files, nil
	}
	err := json.Unmarshal([]byte(*v), &files)
	return files, err
}

func (a authorities) Want(l state.Logging, _ places.Value) places.Value {
	files := map[string]string{}
	for _, t := range l.Targets {
		if file := a.file(t); file != "" {
			files[file] = t.CA
		}
	}
	return encodeFiles(files)
}

func (a authorities) Set(_ context.Context, m guest.Machine, from, to places.Value, _ bool) error {
	before, err := decodeFiles(from)
	if err != nil {
		return err
	}
	after, err := decodeFiles(to)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(after)) {
		if is, there := before[file]; there && is == after[file] {
			continue
		}
		content := after[file]
		if err := places.WriteFile(m, file, &content); err != nil {
			return err
		}
	}
	for _, file := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[file]; stays {
			continue
		}
		if err := places.WriteFile(m, file, nil); err != nil {
			return err
		}
	}
	return nil
}

func (a authorities) Tell(is, want places.Value) section.Change {
	return section.Change{
		Summary: fmt.Sprintf("keep the certificates that vouch for tls targets in %s", a.dir),
		Path:    a.Key(), Diff: linediff.Text(listing(is), listing(want)),
	}
}

// listing is all files with their content.
func listing(v places.Value) string {
	files, err := decodeFiles(v)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, file := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%s:\n%s\n", file, strings.TrimSpace(files[file]))
	}
	return b.String()
}
