package packages

import (
	"context"
	"errors"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/apt"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// dpkgDatabase is what is installed, all of it: so a restore knows what a
// change brought with it.
type dpkgDatabase struct {
	desired state.Packages
	// candidates are the newest versions that apt knows. They do not count
	// while the repositories are to be changed.
	candidates map[string]string
	stale      bool
}

func (dpkgDatabase) Key() string { return "dpkg" }

func (p *dpkgDatabase) Read(ctx context.Context, m guest.Machine) (places.Value, error) {
	installed, err := readDpkg(ctx, m)
	if err != nil {
		return nil, err
	}
	var follow []string
	for name, w := range p.desired.Wanted {
		if w.State == state.PackageNewest {
			follow = append(follow, name)
		}
	}
	if len(follow) == 0 {
		return installed.value(), nil
	}
	slices.Sort(follow)
	sources, err := places.ReadFile(m, apt.Sources)
	if err != nil {
		return nil, err
	}
	if p.stale = places.Text(sources) != renderSources(p.desired); !p.stale {
		if p.candidates, err = apt.Candidates(ctx, m, follow); err != nil {
			return nil, err
		}
	}
	return installed.value(), nil
}

func readDpkg(ctx context.Context, m guest.Machine) (inventory, error) {
	all, err := apt.Query(ctx, m)
	if err != nil {
		return nil, err
	}
	i := inventory{}
	for _, p := range all {
		if p.Version == "" {
			p.Version = none
		}
		i[p.Name] = entry{version: p.Version, hold: p.Hold, broken: p.Broken}
	}
	return i, nil
}

func (p *dpkgDatabase) Want(d state.Packages, is places.Value) places.Value {
	want := parseInventory(is)
	for name, e := range want {
		if e.version == none {
			delete(want, name) // it never was there
			continue
		}
		e.broken = false
		want[name] = e
	}
	for name, w := range d.Wanted {
		e, there := want[name]
		e.hold = w.Hold
		switch {
		case w.State == state.PackageAbsent:
			delete(want, name)
			continue
		case w.Version != "":
			e.version = w.Version
		case !there:
			e.version = newest
		case w.State == state.PackageNewest && (p.stale || p.candidates[name] != "" && p.candidates[name] != e.version):
			e.version = newest
		}
		want[name] = e
	}
	return want.value()
}

// Set brings the machine from one inventory to the other by one call of apt.
func (p *dpkgDatabase) Set(ctx context.Context, m guest.Machine, _, to places.Value, undo bool) error {
	want := parseInventory(to)
	is, err := p.repaired(ctx, m, undo)
	if err != nil {
		return err
	}
	if !undo {
		if err := refreshApt(ctx, m); err != nil {
			return err
		}
	}
	var words, release, hold, gone, torn []string
	anew := false
	for _, s := range steps(is, want) {
		switch {
		case !s.will && s.from.broken:
			torn = append(torn, s.name)
		case !s.will:
			words, gone = append(words, s.name+"-"), append(gone, s.name)
		case s.to.version == newest:
			words, anew = append(words, s.name), anew || s.from.broken
		case !s.was || s.from.version != s.to.version || s.from.broken:
			words, anew = append(words, s.name+"="+s.to.version), anew || s.from.broken
		}
		if s.was && s.from.hold {
			release = append(release, s.name)
		}
		if s.will && s.to.hold {
			hold = append(hold, s.name)
		}
	}
	if err := apt.Discard(ctx, m, torn); err != nil {
		return aptProblem(err, nil)
	}
	if err := apt.Mark(ctx, m, false, release); err != nil {
		return aptProblem(err, nil)
	}
	if err := p.install(ctx, m, change{words, gone, anew, undo}); err != nil {
		return err
	}
	if err := apt.Mark(ctx, m, true, hold); err != nil {
		return aptProblem(err, nil)
	}
	return nil
}

// repaired ends what was cut short before, and tells what is there then. What
// cannot be ended is no hindrance to a restore, which takes it away.
func (p *dpkgDatabase) repaired(ctx context.Context, m guest.Machine, undo bool) (inventory, error) {
	is, err := readDpkg(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, e := range is {
		if !e.broken {
			continue
		}
		section.Progress(ctx, "end an installation that was cut short", -1)
		if err := apt.Configure(ctx, m); err != nil && !undo {
			return nil, aptProblem(err, nil)
		}
		return readDpkg(ctx, m)
	}
	return is, nil
}

// patience is how often somebody else's lock is waited for, ten seconds each.
// After that the section says who has it and is tried again later: as long as
// it waits here no other section can be changed.
const patience = 2

// change is what apt-get is asked for: words for packages, those among them that
// go, and whether some are torn.
type change struct {
	words, gone []string
	anew, undo  bool
}

func (p *dpkgDatabase) install(ctx context.Context, m guest.Machine, c change) error {
	if len(c.words) == 0 {
		return nil
	}
	var repaired, refreshed bool
	for waited := 0; ; {
		err := p.try(ctx, m, c)
		var locked *apt.LockError
		var interrupted *apt.InterruptedError
		var failed *apt.Error
		switch {
		case errors.As(err, &locked) && waited < patience:
			waited++
			section.Progress(ctx, "wait for somebody else's work with packages: "+locked.Message, -1)
		case errors.As(err, &interrupted) && !repaired:
			repaired = true
			if err := apt.Configure(ctx, m); err != nil && !c.undo {
				return aptProblem(err, nil)
			}
		case errors.As(err, &failed) && failed.Unknown && !refreshed:
			refreshed = true
			section.Progress(ctx, "fetch the indexes of all repositories", -1)
			if apt.UpdateAll(ctx, m) != nil { // what is unknown is what there is to tell
				return aptProblem(err, nil)
			}
		case err != nil:
			return aptProblem(err, nil)
		default:
			return nil
		}
	}
}

// try installs and removes. What nobody chose is not removed: the one chosen
// for removal stays then, too.
func (p *dpkgDatabase) try(ctx context.Context, m guest.Machine, c change) error {
	if len(c.gone) > 0 && !c.undo {
		removed, err := apt.Removed(ctx, m, c.words)
		if err != nil {
			return err
		}
		for _, other := range removed {
			if !slices.Contains(c.gone, other) {
				return notRemovedWithout(c.gone[0], other)
			}
		}
	}
	section.Progress(ctx, "apt-get install "+strings.Join(c.words, " "), -1)
	return apt.Install(ctx, m, len(c.gone) == 0, c.anew, c.words)
}

func (*dpkgDatabase) Tell(is, want places.Value) section.Change {
	return section.Change{Summary: toldSteps(is, want), Command: "apt-get install"}
}
