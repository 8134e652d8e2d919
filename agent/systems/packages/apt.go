package packages

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/apt"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Apt is a system with apt and dpkg.
func Apt() Section {
	return Section{on: func(d state.Packages) places.Backend[state.Packages] { return aptGet{d} }}
}

type aptGet struct{ desired state.Packages }

func (aptGet) Limits(_ context.Context, _ guest.Machine, d state.Packages) error {
	for _, name := range slices.Sorted(maps.Keys(d.Wanted)) {
		if name != strings.ToLower(name) || len(name) < 2 || strings.Contains(name, "_") {
			return section.Errorf(section.Invalid, "packages.wanted."+name, "is not the name of a package here: it needs at least two lower case letters, digits, plus and minus signs and dots")
		}
		if strings.HasSuffix(name, "-") || strings.HasSuffix(name, "+") && !strings.HasSuffix(name, "++") {
			return unsupported("packages.wanted."+name, "apt-get takes the sign at its end for a wish of its own")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Repositories)) {
		r := d.Repositories[name]
		switch path := "packages.repositories." + name; {
		case r.Suite == "":
			return section.Errorf(section.Invalid, path+".suite", "is missing; a repository of apt has one")
		case strings.HasSuffix(r.Suite, "/") != (len(r.Components) == 0):
			return section.Errorf(section.Invalid, path+".components", "are needed by a suite, unless it ends in a slash, which has none")
		}
	}
	return nil
}

func (a aptGet) Places(guest.Machine) []places.Place[state.Packages] {
	return []places.Place[state.Packages]{
		&places.File[state.Packages]{
			Path: apt.Sources, Summary: "have apt use the chosen repositories", Command: "apt-get update",
			Text: func(d state.Packages, _ places.Value) places.Value { return places.Some(renderSources(d)) },
		},
		&dpkgDatabase{desired: a.desired},
	}
}

func renderSources(d state.Packages) string {
	var all []apt.Repository
	for _, name := range slices.Sorted(maps.Keys(d.Repositories)) {
		r := d.Repositories[name]
		all = append(all, apt.Repository{Name: name, URL: r.URL, Suite: r.Suite, Components: r.Components, Key: r.Key})
	}
	return apt.RenderSources(all)
}

func (aptGet) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle has nothing to do: what the repositories have was fetched before the
// packages were changed, see dpkgDatabase.Set and Read.
func (aptGet) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	if slices.Contains(changed, dpkgDatabase{}.Key()) || !slices.Contains(changed, apt.Sources) {
		return nil
	}
	return refreshApt(ctx, m)
}

// refreshApt fetches the indexes of the repositories in the agent's own file,
// if there are any. One that nobody trusts, or that is away, is an error.
func refreshApt(ctx context.Context, m guest.Machine) error {
	text, err := places.ReadFile(m, apt.Sources)
	if err != nil || text == nil {
		return err
	}
	section.Progress(ctx, "fetch the indexes of the repositories", -1)
	if err := apt.Update(ctx, m); err != nil {
		return aptProblem(err, apt.ParseSources(*text))
	}
	return nil
}

func (a aptGet) Actual(_ context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	found := actual{Packages: state.Packages{Wanted: map[string]state.Package{}}}
	installed := parseInventory(is[dpkgDatabase{}.Key()])
	for name := range a.desired.Wanted {
		p := state.Package{State: state.PackageAbsent}
		if e, there := installed[name]; there {
			p = state.Package{State: state.PackagePresent, Version: e.version, Hold: e.hold}
		}
		found.Wanted[name] = p
	}
	for _, r := range apt.ParseSources(places.Text(is[apt.Sources])) {
		if found.Repositories == nil {
			found.Repositories = map[string]state.Repository{}
		}
		found.Repositories[r.Name] = state.Repository{URL: r.URL, Suite: r.Suite, Components: r.Components, Key: r.Key}
	}
	_, err := m.Stat("/run/reboot-required") // update-notifier's, and what many packages' scripts write
	found.RebootPending = err == nil
	return found, nil
}

// aptProblem says what apt said in the section's terms.
func aptProblem(err error, repositories []apt.Repository) error {
	var locked *apt.LockError
	if errors.As(err, &locked) {
		return section.Errorf(section.Busy, name, "somebody else is at work with packages: %s", locked.Message)
	}
	var failed *apt.Error
	if !errors.As(err, &failed) {
		return err
	}
	if failed.Package != "" {
		return section.Errorf(section.Failed, "packages.wanted."+failed.Package, "%s", failed.Message)
	}
	for _, r := range repositories {
		if strings.Contains(failed.Message, strings.TrimSuffix(r.URL, "/")) {
			return section.Errorf(section.Failed, "packages.repositories."+r.Name, "%s", failed.Message)
		}
	}
	return section.Errorf(section.Failed, name, "%s", failed.Message)
}
