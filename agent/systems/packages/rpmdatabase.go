package packages

import (
	"context"
	"errors"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/dnf"
	"innkeeper/agent/mechanisms/rpm"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// rpmDatabase is what is installed, all of it: so a restore knows what a change
// brought with it. Holds are dnf's configuration and no part of it.
type rpmDatabase struct {
	desired   state.Packages
	installed []rpm.Installed
	// upgrades are newer versions that dnf knows. They do not count while the
	// repositories are to be changed.
	upgrades map[string]string
	stale    bool
}

func (*rpmDatabase) Key() string { return "rpm" }

func (p *rpmDatabase) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	var err error
	if p.installed, err = rpm.Query(ctx, m); err != nil {
		return nil, err
	}
	found, _, err := survey(ctx, m, p.installed)
	if err != nil {
		return nil, err
	}
	var follow []string
	for name, w := range p.desired.Wanted {
		if _, there := found[name]; there && w.State == state.PackageNewest {
			follow = append(follow, name)
		}
	}
	if len(follow) == 0 {
		return found.value(), nil
	}
	slices.Sort(follow)
	repositories, err := places.ReadFile(m, dnf.Repositories)
	if err != nil {
		return nil, err
	}
	if p.stale = places.Text(repositories) != renderRepositories(p.desired); !p.stale {
		if p.upgrades, err = dnf.Upgrades(ctx, m, follow); err != nil {
			return nil, dnfProblem(err, nil, nil)
		}
	}
	return found.value(), nil
}

// between separates the versions of a package that may be there in several.
const between = ","

// survey makes an inventory of the database. Of a package that is there in two
// versions and should not be, one was about to replace the other: the one that
// was installed last counts, and the others are left over.
func survey(ctx context.Context, m guest.Machine, all []rpm.Installed) (inventory, []rpm.Installed, error) {
	by := map[string][]rpm.Installed{}
	several := false
	for _, p := range all {
		name := p.Name
		if foreign.MatchString("." + p.Arch) {
			name += "." + p.Arch
		}
		by[name] = append(by[name], p)
		several = several || len(by[name]) > 1
	}
	var parallel []string
	if several {
		var err error
		if parallel, err = rpm.Parallel(ctx, m); err != nil {
			return nil, nil, err
		}
	}
	found := inventory{}
	var over []rpm.Installed
	for name, versions := range by {
		slices.SortStableFunc(versions, func(a, b rpm.Installed) int { return int(a.At - b.At) })
		last := versions[len(versions)-1]
		if len(versions) == 1 || !slices.Contains(parallel, last.Name) {
			found[name] = entry{version: last.Version, broken: len(versions) > 1}
			over = append(over, versions[:len(versions)-1]...)
			continue
		}
		var each []string
		for _, v := range versions {
			each = append(each, v.Version)
		}
		slices.Sort(each)
		found[name] = entry{version: strings.Join(each, between)}
	}
	return found, over, nil
}

func (p *rpmDatabase) Want(d state.Packages, is places.Value) places.Value {
	want := parseInventory(is)
	for name, e := range want {
		e.broken = false
		want[name] = e
	}
	for name, w := range d.Wanted {
		e, there := want[name]
		switch {
		case w.State == state.PackageAbsent:
			delete(want, name)
			continue
		case w.Version != "" && !isVersion(e.version, w.Version):
			e.version = w.Version
		case !there:
			e.version = newest
		case w.State == state.PackageNewest && (p.stale || p.upgrades[name] != "" && !isVersion(e.version, p.upgrades[name])):
			e.version = newest
		}
		want[name] = e
	}
	return want.value()
}

// isVersion says whether a version, or one of several, is the chosen one, which
// may leave out the epoch and the release.
func isVersion(is, chosen string) bool {
	for v := range strings.SplitSeq(is, between) {
		release := strings.LastIndexByte(v, '-')
		if v == chosen || release > 0 && v[:release] == chosen {
			return true
		}
		_, v, epoch := strings.Cut(v, ":")
		release = strings.LastIndexByte(v, '-')
		if epoch && (v == chosen || release > 0 && v[:release] == chosen) {
			return true
		}
	}
	return false
}

// Set brings the machine from one inventory to the other by one call of dnf for
// what goes, and one for what comes.
func (p *rpmDatabase) Set(ctx context.Context, m guest.Machine, _, to places.Value, undo bool) error {
	is, err := p.repaired(ctx, m)
	if err != nil {
		return err
	}
	if !undo {
		if err := refreshDnf(ctx, m); err != nil {
			return err
		}
	}
	work, err := p.work(m, steps(is, parseInventory(to)))
	if err != nil {
		return err
	}
	if err := work.remove(ctx, m, undo); err != nil {
		return err
	}
	return work.install(ctx, m)
}

// repaired ends what was cut short before, and tells what is there then.
func (p *rpmDatabase) repaired(ctx context.Context, m guest.Machine) (inventory, error) {
	if err := sweep(ctx, m); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		installed, err := rpm.Query(ctx, m)
		if err != nil {
			return nil, err
		}
		is, over, err := survey(ctx, m, installed)
		if err != nil || len(over) == 0 || !first {
			return is, err
		}
		var words []string
		for _, o := range over {
			words = append(words, o.String())
		}
		section.Progress(ctx, "end an installation that was cut short: rpm --erase "+strings.Join(words, " "), -1)
		err = patiently(ctx, m, func() error { return rpm.Erase(ctx, m, words) })
		if err != nil {
			return nil, dnfProblem(err, nil, nil)
		}
	}
}

// dnfWork is what dnf is asked for.
type dnfWork struct {
	// come and go are dnf's words for packages, gone the names of those that go whole.
	come, leave, gone []string
	// named maps a word to the package it is for.
	named        map[string]string
	excluded     []string
	repositories []dnf.Repository
}

func (p *rpmDatabase) work(m guest.Machine, all []step) (dnfWork, error) {
	w := dnfWork{named: map[string]string{}}
	for _, s := range all {
		if !s.will {
			w.leave, w.gone = append(w.leave, s.name), append(w.gone, s.name)
			w.named[s.name] = s.name
			continue
		}
		if s.to.version == newest {
			w.come = append(w.come, s.name)
			w.named[s.name] = s.name
			continue
		}
		was, will := strings.Split(s.from.version, between), strings.Split(s.to.version, between)
		if !s.was {
			was = nil
		}
		for _, v := range will {
			if !slices.Contains(was, v) {
				w.come = append(w.come, word(s.name, v))
				w.named[word(s.name, v)] = s.name
			}
		}
		for _, v := range was {
			// With none in common the one replaces the other.
			if !slices.Contains(will, v) && slices.ContainsFunc(will, func(v string) bool { return slices.Contains(was, v) }) {
				w.leave = append(w.leave, word(s.name, v))
			}
		}
	}
	conf, err := places.ReadFile(m, dnf.Conf)
	if err != nil {
		return w, err
	}
	touched := func(excluded string) bool {
		return slices.ContainsFunc(all, func(s step) bool { return s.name == excluded })
	}
	if excluded := dnf.Excluded(places.Text(conf)); slices.ContainsFunc(excluded, touched) {
		w.excluded = append([]string{}, slices.DeleteFunc(excluded, touched)...)
	}
	text, err := places.ReadFile(m, dnf.Repositories)
	w.repositories = dnf.ParseRepositories(places.Text(text))
	return w, err
}

// word is dnf's for one version of a package (dnf(8), "SPECIFYING PACKAGES").
func word(name, version string) string {
	arch := foreign.FindString(name)
	return strings.TrimSuffix(name, arch) + "-" + version + arch
}

// remove takes away what goes. What nobody chose is not removed: the one chosen
// for removal stays then, too.
func (w dnfWork) remove(ctx context.Context, m guest.Machine, undo bool) error {
	if len(w.leave) == 0 {
		return nil
	}
	if len(w.gone) > 0 && !undo {
		var needing []string
		err := patiently(ctx, m, func() (err error) {
			needing, err = rpm.Needing(ctx, m, w.gone)
			return err
		})
		if err != nil {
			return dnfProblem(err, nil, nil)
		}
		if len(needing) > 0 {
			return notRemovedWithout(w.gone[0], needing[0])
		}
	}
	section.Progress(ctx, "dnf remove "+strings.Join(w.leave, " "), -1)
	err := patiently(ctx, m, func() error { return dnf.Transaction{Excluded: w.excluded}.Remove(ctx, m, w.leave) })
	return dnfProblem(err, w.repositories, w.named)
}

// install brings what comes. If nothing that was fetched has it, all indexes are
// fetched anew, once.
func (w dnfWork) install(ctx context.Context, m guest.Machine) error {
	if len(w.come) == 0 {
		return nil
	}
	do := func(refresh bool) error {
		section.Progress(ctx, "dnf install "+strings.Join(w.come, " "), -1)
		return patiently(ctx, m, func() error {
			return dnf.Transaction{Excluded: w.excluded, Refresh: refresh}.Install(ctx, m, w.come)
		})
	}
	err := do(false)
	var failed *dnf.Error
	if errors.As(err, &failed) && failed.Unknown {
		section.Progress(ctx, "fetch the indexes of all repositories", -1)
		err = do(true)
	}
	return dnfProblem(err, w.repositories, w.named)
}

func (*rpmDatabase) Tell(is, want places.Value) section.Change {
	return section.Change{Summary: toldSteps(is, want), Command: "dnf install"}
}
