package packages

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/dnf"
	"innkeeper/agent/mechanisms/rpm"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// Dnf is a system with dnf and rpm.
func Dnf() Section {
	return Section{on: func(d state.Packages) places.Backend[state.Packages] {
		return dnfAndRPM{desired: d, database: &rpmDatabase{desired: d}}
	}}
}

type dnfAndRPM struct {
	desired  state.Packages
	database *rpmDatabase
}

// archSuffix is an architecture behind a package's name; foreign are those that
// one of x86_64 can have beside its own.
var (
	archSuffix = regexp.MustCompile(`\.(?:noarch|x86_64|aarch64|ppc64le|s390x|src|i[3-6]86)$`)
	foreign    = regexp.MustCompile(`\.i[3-6]86$`)
)

func (dnfAndRPM) Limits(_ context.Context, m guest.Machine, d state.Packages) error {
	if _, err := m.Stat(dnf.Path); err != nil {
		return unsupported(name, "needs dnf, which CentOS has from release 8 on; there is no %s here", dnf.Path)
	}
	for _, p := range slices.Sorted(maps.Keys(d.Wanted)) {
		if archSuffix.MatchString(p) && !foreign.MatchString(p) {
			return section.Errorf(section.Invalid, "packages.wanted."+p, "ends in an architecture; that is for the ones beside the machine's own only, such as i686")
		}
	}
	for _, r := range slices.Sorted(maps.Keys(d.Repositories)) {
		path, chosen := "packages.repositories."+r, d.Repositories[r]
		switch {
		case chosen.Suite != "":
			return section.Errorf(section.Invalid, path+".suite", "is not for dnf, whose repositories have none")
		case len(chosen.Components) > 0:
			return section.Errorf(section.Invalid, path+".components", "are not for dnf, whose repositories have none")
		}
		if _, err := rpm.KeyIDs(chosen.Key); err != nil {
			return section.Errorf(section.Invalid, path+".key", "%s", err)
		}
	}
	return nil
}

func (b dnfAndRPM) Places(guest.Machine) []places.Place[state.Packages] {
	return []places.Place[state.Packages]{
		&places.File[state.Packages]{
			Path: dnf.Repositories, Summary: "have dnf use the chosen repositories", Command: "dnf makecache",
			Text: func(d state.Packages, _ places.Value) places.Value { return places.Some(renderRepositories(d)) },
		},
		&rpmKeys{},
		b.database,
		&places.File[state.Packages]{
			Path: dnf.Conf, Summary: "have dnf hold the packages that are chosen so",
			Text: func(d state.Packages, is places.Value) places.Value { return held(d, is) },
		},
	}
}

func renderRepositories(d state.Packages) string {
	var all []dnf.Repository
	for _, name := range slices.Sorted(maps.Keys(d.Repositories)) {
		all = append(all, dnf.Repository{Name: name, URL: d.Repositories[name].URL})
	}
	return dnf.RenderRepositories(all)
}

// held is dnf's configuration with the chosen packages excluded that are on
// hold, and the others not.
func held(d state.Packages, is places.Value) places.Value {
	var hold, release []string
	for name, w := range d.Wanted {
		if w.Hold {
			hold = append(hold, name)
		} else {
			release = append(release, name)
		}
	}
	text := dnf.Exclude(places.Text(is), hold, release)
	if is != nil && text == "" {
		return is // an empty file stays one
	}
	return places.Some(text)
}

func (dnfAndRPM) Check(context.Context, guest.Machine, map[string]places.Value) error { return nil }

// Settle sweeps, because a change that was cut short may have left rpm's database
// as it was. What the repositories have was fetched before the packages were
// changed, see rpmDatabase.Set and Read.
func (dnfAndRPM) Settle(ctx context.Context, m guest.Machine, changed []string) error {
	if slices.Contains(changed, (*rpmDatabase)(nil).Key()) {
		return sweep(ctx, m)
	}
	if !slices.Contains(changed, dnf.Repositories) {
		return nil
	}
	return refreshDnf(ctx, m)
}

// refreshDnf fetches the indexes of the agent's own repositories, if there are
// any. One that is away is an error.
func refreshDnf(ctx context.Context, m guest.Machine) error {
	text, err := places.ReadFile(m, dnf.Repositories)
	if err != nil || text == nil {
		return err
	}
	section.Progress(ctx, "fetch the indexes of the repositories", -1)
	err = patiently(ctx, m, func() error { return dnf.Refresh(ctx, m) })
	return dnfProblem(err, dnf.ParseRepositories(*text), nil)
}

func (b dnfAndRPM) Actual(_ context.Context, m guest.Machine, is map[string]places.Value) (any, error) {
	found := actual{Packages: state.Packages{Wanted: map[string]state.Package{}}, RebootPending: b.database.rebootPending(m)}
	installed := parseInventory(is[b.database.Key()])
	excluded := dnf.Excluded(places.Text(is[dnf.Conf]))
	for name := range b.desired.Wanted {
		p := state.Package{State: state.PackageAbsent}
		if e, there := installed[name]; there {
			p = state.Package{State: state.PackagePresent, Version: e.version, Hold: slices.Contains(excluded, name)}
		}
		found.Wanted[name] = p
	}
	keys := decodeTrust(is[(&rpmKeys{}).Key()])
	for _, r := range dnf.ParseRepositories(places.Text(is[dnf.Repositories])) {
		if found.Repositories == nil {
			found.Repositories = map[string]state.Repository{}
		}
		found.Repositories[r.Name] = state.Repository{URL: r.URL, Key: keys.Files[r.Name]}
	}
	return found, nil
}

// needReboot are the packages after whose change a machine has to be restarted
// (dnf-plugins-core's needs_restarting.py, after Red Hat's solution 27943).
var needReboot = []string{
	"kernel", "kernel-core", "kernel-rt", "glibc", "linux-firmware", "systemd", "dbus", "dbus-broker", "dbus-daemon",
}

// rebootPending says whether one of those was installed after the machine was
// started. The command needs-restarting, which says the same, is not on every one.
func (p *rpmDatabase) rebootPending(m guest.Machine) bool {
	stat, err := m.ReadFile("/proc/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), "\nbtime ") // proc_stat(5)
	line, _, _ := strings.Cut(rest, "\n")
	started, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p.installed, func(i rpm.Installed) bool {
		return i.At > started && slices.Contains(needReboot, i.Name)
	})
}

// patiently does something again while somebody else is at work with packages.
func patiently(ctx context.Context, m guest.Machine, do func() error) error {
	const patience = 3 // times ten seconds, as for apt
	for waited := 0; ; waited++ {
		err := do()
		pid, said := 0, ""
		var ofDnf *dnf.LockError
		var ofRPM *rpm.LockError
		switch {
		case errors.As(err, &ofDnf):
			pid, said = ofDnf.PID, ofDnf.Message
		case errors.As(err, &ofRPM):
			said = ofRPM.Message
		default:
			return err
		}
		if waited == patience {
			return err
		}
		section.Progress(ctx, "wait for somebody else's work with packages: "+said, -1)
		if err := dnf.Wait(ctx, m, pid); err != nil {
			return err
		}
	}
}

// dnfProblem says what dnf and rpm said in the section's terms. Named are the
// packages by the words that dnf was given for them.
func dnfProblem(err error, repositories []dnf.Repository, named map[string]string) error {
	var ofDnf *dnf.LockError
	var ofRPM *rpm.LockError
	if errors.As(err, &ofDnf) || errors.As(err, &ofRPM) {
		return section.Errorf(section.Busy, name, "somebody else is at work with packages: %s", err)
	}
	var failed *dnf.Error
	if !errors.As(err, &failed) {
		return err
	}
	if failed.Repository != "" {
		return section.Errorf(section.Failed, "packages.repositories."+failed.Repository, "%s", failed.Message)
	}
	if failed.Package != "" {
		p := failed.Package
		if chosen, ok := named[p]; ok {
			p = chosen
		}
		return section.Errorf(section.Failed, "packages.wanted."+p, "%s", failed.Message)
	}
	for _, r := range repositories {
		if strings.Contains(failed.Message, strings.TrimSuffix(r.URL, "/")) {
			return section.Errorf(section.Failed, "packages.repositories."+r.Name, "%s", failed.Message)
		}
	}
	return section.Errorf(section.Failed, name, "%s", failed.Message)
}
