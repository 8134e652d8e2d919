package packages_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/apt"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/packages"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

// debian is apt and dpkg over a machine in memory.
type debian struct {
	fake *guesttest.Fake
	// installed maps a name to "version status".
	installed map[string]string
	// known are the indexes' packages: the newest version last.
	known map[string][]string
	needs map[string]string
	// served are known after the next update.
	served map[string][]string
	// answers are given in the place of what apt-get does, first one first.
	answers []string
}

func newDebian() *debian {
	d := &debian{
		fake:      guesttest.New(map[string]string{"/etc/apt/sources.list": ""}),
		installed: map[string]string{"dpkg": "1.22 ii", "old": "1 ii", "kept": "3 hi"},
		known:     map[string][]string{"old": {"1"}, "kept": {"3"}},
		needs:     map[string]string{"guest": "base"},
		served:    map[string][]string{"hello": {"1", "2"}, "guest": {"1"}, "base": {"1"}},
	}
	d.fake.OnDo("dpkg-query *", func(guest.Command) (guest.Result, error) {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(d.installed)) {
			version, status, _ := strings.Cut(d.installed[name], " ")
			fmt.Fprintf(&b, "%s\tamd64\t%s\t%s\n", name, version, status)
		}
		return guest.Result{Stdout: []byte(b.String())}, nil
	})
	d.fake.OnDo("apt-get *", func(c guest.Command) (guest.Result, error) { return d.get(c.Args), nil })
	d.fake.OnDo("apt-mark *", func(c guest.Command) (guest.Result, error) {
		for _, name := range c.Args[2:] {
			version, _, _ := strings.Cut(d.installed[name], " ")
			d.installed[name] = version + map[string]string{"hold": " hi", "unhold": " ii"}[c.Args[1]]
		}
		return guest.Result{}, nil
	})
	d.fake.OnDo("apt-cache *", func(c guest.Command) (guest.Result, error) {
		var b strings.Builder
		for _, name := range c.Args[2:] {
			if v := d.known[name]; v != nil {
				fmt.Fprintf(&b, "%s:\n  Candidate: %s\n", name, v[len(v)-1])
			}
		}
		return guest.Result{Stdout: []byte(b.String())}, nil
	})
	d.fake.OnDo("dpkg *", func(c guest.Command) (guest.Result, error) {
		if c.Args[0] == "--force-remove-reinstreq" {
			for _, name := range c.Args[2:] {
				delete(d.installed, name)
			}
			return guest.Result{}, nil
		}
		for name, v := range d.installed {
			d.installed[name] = strings.Replace(v, " iF", " ii", 1)
		}
		return guest.Result{}, nil
	})
	return d
}

func (d *debian) get(args []string) guest.Result {
	if len(d.answers) > 0 {
		said := d.answers[0]
		d.answers = d.answers[1:]
		return guest.Result{ExitCode: 100, Stderr: []byte(said)}
	}
	if slices.Contains(args, "update") {
		maps.Copy(d.known, d.served)
		return guest.Result{}
	}
	simulated := slices.Contains(args, "-s")
	after := maps.Clone(d.installed)
	var out string
	for _, word := range args[slices.Index(args, "--")+1:] {
		if name, remove := strings.CutSuffix(word, "-"); remove {
			delete(after, name)
			out += "Remv " + name + " [1]\n"
			for needing, needed := range d.needs {
				if _, there := after[needing]; there && needed == name {
					delete(after, needing)
					out += "Remv " + needing + " [1]\n"
				}
			}
			continue
		}
		name, version, _ := strings.Cut(word, "=")
		versions := d.known[name]
		if versions == nil {
			return guest.Result{ExitCode: 100, Stderr: []byte("E: Unable to locate package " + name + "\n")}
		}
		if version == "" {
			version = versions[len(versions)-1]
		}
		if !slices.Contains(versions, version) {
			return guest.Result{ExitCode: 100, Stderr: []byte("E: Version '" + version + "' for '" + name + "' was not found\n")}
		}
		after[name] = version + " ii"
		if needed := d.needs[name]; needed != "" {
			after[needed] = "1 ii"
		}
	}
	if !simulated {
		d.installed = after
	}
	return guest.Result{Stdout: []byte(out)}
}

const key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEAAAAABYJKwYBBAHaRw8B\n-----END PGP PUBLIC KEY BLOCK-----\n"

func document(wanted map[string]state.Package) state.Packages {
	return state.Packages{Wanted: wanted, Repositories: map[string]state.Repository{
		"lab": {URL: "http://mirror.example/apt", Suite: "stable", Components: []string{"main"}, Key: key},
	}}
}

func plan(t *testing.T, m guest.Machine, p state.Packages) (section.Plan, error) {
	t.Helper()
	return packages.Apt().Plan(t.Context(), m, sectiontest.Encode(t, p))
}

func apply(t *testing.T, m guest.Machine, p state.Packages, made section.Plan) error {
	t.Helper()
	return packages.Apt().Apply(t.Context(), m, sectiontest.Encode(t, p), made)
}

// everything is a change of every kind.
func everything() state.Packages {
	return document(map[string]state.Package{
		"hello": {State: "newest", Hold: true}, "guest": {State: "present", Version: "1"}, "old": {State: "absent"}, "kept": {State: "present"},
	})
}

func TestAptReachesEveryKindOfChangeAndComesBack(t *testing.T) {
	d := newDebian()
	before := maps.Clone(d.installed)
	chosen := everything()
	made, err := plan(t, d.fake, chosen)
	if err != nil || len(made.Changes) != 2 || made.Changes[1].Summary != "install guest 1, install hello, let kept be changed by others, remove old 1" {
		t.Fatalf("got %+v, %v", made.Changes, err)
	}
	if len(d.fake.Writes()) > 0 {
		t.Errorf("a plan wrote %q", d.fake.Writes())
	}
	if err := apply(t, d.fake, chosen, made); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"dpkg": "1.22 ii", "hello": "2 hi", "guest": "1 ii", "base": "1 ii", "kept": "3 ii"}
	if !maps.Equal(d.installed, want) {
		t.Errorf("there are %v", d.installed)
	}
	again, err := plan(t, d.fake, chosen)
	if err != nil || len(again.Changes) > 0 {
		t.Errorf("a second plan has %+v, %v", again.Changes, err)
	}
	for range 2 {
		if err := packages.Apt().Restore(t.Context(), d.fake, made.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(d.installed, before) || d.fake.Exists(apt.Sources) {
			t.Errorf("after a restore there are %v", d.installed)
		}
	}
}

// A machine that dies at any call of an apply is as before after a restore.
func TestAptComesBackFromAnyCrash(t *testing.T) {
	d := newDebian()
	sectiontest.Subject{Section: packages.Apt(), Machine: d.fake, Show: func() string {
		return fmt.Sprint(d.installed, d.fake.Exists(apt.Sources))
	}}.RestoresAtEveryCall(t, everything(), 5)
}

func TestAptWaitsAndRepairs(t *testing.T) {
	d := newDebian()
	d.installed["old"] = "1 iF"
	chosen := document(map[string]state.Package{"hello": {State: "present"}})
	made, err := plan(t, d.fake, chosen)
	if err != nil {
		t.Fatal(err)
	}
	if told := made.Changes[1].Summary; told != "install hello, end the installation of old that was cut short" {
		t.Errorf("told %q", told)
	}
	locked := "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)\n"
	var progress []string
	held := false // the update comes first and finds nobody at work
	ctx := section.WithProgress(t.Context(), func(message string, _ int) {
		if progress = append(progress, message); strings.HasPrefix(message, "apt-get install") && !held {
			held = true
			d.answers = []string{locked, "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.\n"}
		}
	})
	if err := packages.Apt().Apply(ctx, d.fake, sectiontest.Encode(t, chosen), made); err != nil {
		t.Fatal(err)
	}
	if d.installed["old"] != "1 ii" || d.installed["hello"] != "2 ii" {
		t.Errorf("there are %v", d.installed)
	}
	if !slices.ContainsFunc(progress, func(s string) bool { return strings.Contains(s, "held by process 7 (apt)") }) {
		t.Errorf("told %q", progress)
	}
}

// An installation that broke off before there was a version, as dpkg 1.22 left
// it when it was killed, is taken away by a restore, and made anew by an apply.
func TestAptTakesAwayWhatIsTorn(t *testing.T) {
	d := newDebian()
	chosen := document(map[string]state.Package{"hello": {State: "present"}})
	before := maps.Clone(d.installed)
	made, err := plan(t, d.fake, chosen)
	if err != nil {
		t.Fatal(err)
	}
	d.installed["hello"] = " iHR"
	if err := packages.Apt().Restore(t.Context(), d.fake, made.Checkpoint); err != nil || !maps.Equal(d.installed, before) {
		t.Errorf("there are %v, %v", d.installed, err)
	}
	d.installed["hello"], d.installed["other"] = " iHR", " iHR"
	if made, err = plan(t, d.fake, chosen); err != nil || len(made.Changes) != 2 {
		t.Fatalf("got %+v, %v", made.Changes, err)
	}
	if told := made.Changes[1].Summary; told != "bring hello to the newest version, take away other, whose installation was cut short" {
		t.Errorf("told %q", told)
	}
	if err := apply(t, d.fake, chosen, made); err != nil || d.installed["hello"] != "2 ii" || d.installed["other"] != "" {
		t.Errorf("there are %v, %v", d.installed, err)
	}
}

func TestAptSaysWhichFieldFails(t *testing.T) {
	for want, c := range map[string]struct {
		wanted map[string]state.Package
		answer string
	}{
		"packages.wanted.none: Unable to locate package none":                    {wanted: map[string]state.Package{"none": {State: "present"}}},
		"packages.wanted.hello: Version '9' for 'hello' was not found":           {wanted: map[string]state.Package{"hello": {State: "present", Version: "9"}}},
		"packages.repositories.lab: The repository 'http://mirror.example/apt s": {answer: "E: The repository 'http://mirror.example/apt stable' is not signed.\n"},
		"packages: somebody else is at work":                                     {answer: "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt)\n"},
	} {
		d := newDebian()
		chosen := document(c.wanted)
		made, err := plan(t, d.fake, chosen)
		if err != nil {
			t.Fatal(err)
		}
		if c.answer != "" {
			d.answers = []string{c.answer}
		}
		if err := apply(t, d.fake, chosen, made); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A package that others need is not removed with them.
func TestAptRemovesNothingThatNobodyChose(t *testing.T) {
	d := newDebian()
	d.installed["guest"], d.installed["base"] = "1 ii", "1 ii"
	chosen := document(map[string]state.Package{"base": {State: "absent"}})
	made, err := plan(t, d.fake, chosen)
	if err != nil {
		t.Fatal(err)
	}
	err = apply(t, d.fake, chosen, made)
	if err == nil || err.Error() != "packages.wanted.base: cannot be removed without guest, which is not chosen to be absent; nothing was removed" {
		t.Errorf("got %v", err)
	}
	if d.installed["base"] == "" {
		t.Error("it was removed")
	}
}

func TestAptRefusesBeforeAnythingIsTouched(t *testing.T) {
	repository := func(change func(*state.Repository)) state.Packages {
		p := document(nil)
		r := p.Repositories["lab"]
		change(&r)
		p.Repositories["lab"] = r
		return p
	}
	for want, p := range map[string]state.Packages{
		"packages.wanted.Hello: is not the name":           {Wanted: map[string]state.Package{"Hello": {State: "present"}}},
		"packages.wanted.hello-: apt-get takes":            {Wanted: map[string]state.Package{"hello-": {State: "present"}}},
		"packages.repositories.lab.suite: is missing":      repository(func(r *state.Repository) { r.Suite = "" }),
		"packages.repositories.lab.components: are needed": repository(func(r *state.Repository) { r.Components = nil }),
	} {
		if _, err := plan(t, newDebian().fake, p); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A thousand packages are read by one process.
func TestAptReadsAThousandPackagesAtOnce(t *testing.T) {
	d := newDebian()
	chosen := state.Packages{Wanted: map[string]state.Package{}}
	for i := range 1000 {
		d.installed[fmt.Sprintf("p%d", i)] = "1 ii"
		chosen.Wanted[fmt.Sprintf("p%d", i)] = state.Package{State: "present"}
	}
	if made, err := plan(t, d.fake, chosen); err != nil || len(made.Changes) > 0 {
		t.Fatalf("got %v, %v", made.Changes, err)
	}
	if ran := d.fake.Ran(); len(ran) != 1 {
		t.Errorf("ran %q", ran)
	}
}
