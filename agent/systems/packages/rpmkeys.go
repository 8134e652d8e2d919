package packages

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	slashpath "path"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/dnf"
	"innkeeper/agent/mechanisms/rpm"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// rpmKeys are the keys of the agent's repositories, each in a file, and all that
// rpm trusts: it takes a package that any of those signed. So one that is chosen
// no more has to go from rpm, too.
type rpmKeys struct{}

// trust is what the place holds.
type trust struct {
	// Files maps a repository to its armored keys.
	Files map[string]string `json:"files,omitempty"`
	// Trusted are all keys that rpm trusts, as rpm.KeyIDs has them.
	Trusted []string `json:"trusted,omitempty"`
}

func (*rpmKeys) Key() string { return dnf.KeyFile + "*" }

func (*rpmKeys) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	t := trust{Files: map[string]string{}}
	dir, prefix := slashpath.Split(dnf.KeyFile)
	entries, err := m.ReadDir(slashpath.Clean(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if name, ours := strings.CutPrefix(e.Name(), prefix); ours {
			b, err := m.ReadFile(dnf.KeyFile + name)
			if err != nil {
				return nil, err
			}
			t.Files[name] = string(b)
		}
	}
	if t.Trusted, err = rpm.Keys(ctx, m); err != nil {
		return nil, err
	}
	return t.value(), nil
}

func (t trust) value() places.Value {
	if len(t.Files) == 0 && len(t.Trusted) == 0 {
		return nil
	}
	b, err := json.Marshal(t)
	if err != nil { // strings always can be
		panic(err)
	}
	return places.Some(string(b))
}

func decodeTrust(v places.Value) trust {
	var t trust
	if v != nil {
		_ = json.Unmarshal([]byte(*v), &t) // is what value made
	}
	return t
}

// ids are the keys in the files. A file that somebody spoilt has none.
func (t trust) ids() []string {
	var all []string
	for _, armored := range t.Files {
		ids, err := rpm.KeyIDs(armored)
		if err == nil {
			all = append(all, ids...)
		}
	}
	return all
}

func (*rpmKeys) Want(d state.Packages, is places.Value) places.Value {
	before, want := decodeTrust(is), trust{Files: map[string]string{}}
	for name, r := range d.Repositories {
		want.Files[name] = r.Key
	}
	ours, now := before.ids(), want.ids()
	for _, id := range before.Trusted {
		if !slices.Contains(ours, id) {
			want.Trusted = append(want.Trusted, id)
		}
	}
	want.Trusted = append(want.Trusted, now...)
	slices.Sort(want.Trusted)
	want.Trusted = slices.Compact(want.Trusted)
	return want.value()
}

// Set writes the files first and takes those away that go last, so that one cut
// short can always be told from the files.
func (k *rpmKeys) Set(ctx context.Context, m guest.Machine, _, to places.Value, _ bool) error {
	now, err := k.Read(ctx, m)
	if err != nil {
		return err
	}
	is, want := decodeTrust(now), decodeTrust(to)
	for _, name := range slices.Sorted(maps.Keys(want.Files)) {
		key := want.Files[name]
		if is.Files[name] != key {
			if err := places.WriteFile(m, dnf.KeyFile+name, &key); err != nil {
				return err
			}
		}
		if err := k.have(ctx, m, name, key, is, want); err != nil {
			return err
		}
	}
	gone := slices.DeleteFunc(slices.Clone(is.Trusted), func(id string) bool { return slices.Contains(want.Trusted, id) })
	if len(gone) > 0 {
		err := patiently(ctx, m, func() error { return rpm.Forget(ctx, m, gone) })
		if err != nil {
			return dnfProblem(err, nil, nil)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is.Files)) {
		if _, stays := want.Files[name]; !stays {
			if err := places.WriteFile(m, dnf.KeyFile+name, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// have has rpm trust the keys of a repository that it does not trust yet.
func (*rpmKeys) have(ctx context.Context, m guest.Machine, repository, key string, is, want trust) error {
	ids, err := rpm.KeyIDs(key)
	if err != nil {
		return nil // one that somebody spoilt is brought back as it was
	}
	if !slices.ContainsFunc(ids, func(id string) bool {
		return slices.Contains(want.Trusted, id) && !slices.Contains(is.Trusted, id)
	}) {
		return nil
	}
	err = patiently(ctx, m, func() error { return rpm.Import(ctx, m, dnf.KeyFile+repository) })
	var refused *guest.ExitError
	if errors.As(err, &refused) {
		return section.Errorf(section.Failed, "packages.repositories."+repository+".key", "rpm does not take it: %s", strings.TrimSpace(string(refused.Stderr)))
	}
	return dnfProblem(err, nil, nil)
}

func (*rpmKeys) Tell(is, want places.Value) section.Change {
	summary := "have rpm trust the keys of the chosen repositories"
	if len(decodeTrust(want).Files) == 0 {
		summary = "have rpm trust the keys no more of repositories that are not chosen"
	}
	return section.Change{Summary: summary, Path: dnf.KeyFile + "*", Command: "rpmkeys --import"}
}
