package packages_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/dnf"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/packages"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

// centos is dnf and rpm over a machine in memory.
type centos struct {
	fake *guesttest.Fake
	// installed are the packages, NAME VERSION-RELEASE, in the order in which
	// they came; one can be there twice.
	installed []string
	keys      []string
	// served are the repository's packages, the newest version last.
	served map[string][]string
	needs  map[string]string
	// answers are given in the place of what dnf does, first one first.
	answers []guest.Result
}

const (
	conf    = "[main]\ngpgcheck=1\nexcludepkgs=kernel* kept\n"
	keyPath = dnf.KeyFile + "lab"
	vendor  = "8483c65d-5ccc5b19"
	lab     = "ebd09883-66299d00"
)

func newCentOS() *centos {
	c := &centos{
		fake:      guesttest.New(map[string]string{dnf.Path: "", dnf.Conf: conf, "/proc/stat": "cpu 1\nbtime 1000\nprocesses 1\n"}),
		installed: []string{"rpm 4.16-1", "old 1-1", "kept 3-1", "kernel 5-1", "kernel 5-2"},
		keys:      []string{vendor},
		served:    map[string][]string{"hello": {"1-1", "2-1"}, "guest": {"1-1"}, "base": {"1-1"}, "old": {"1-1"}, "kept": {"3-1"}, "kernel": {"5-1", "5-2"}},
		needs:     map[string]string{"guest": "base"},
	}
	c.fake.OnDo("rpm *", func(r guest.Command) (guest.Result, error) { return c.rpm(r.Args), nil })
	c.fake.OnDo("rpmkeys --import *", func(guest.Command) (guest.Result, error) {
		if !strings.Contains(c.fake.Content(keyPath), "BEGIN") {
			return guest.Result{ExitCode: 1, Stderr: []byte("error: " + keyPath + ": import read failed(0).\n")}, nil
		}
		c.keys = append(c.keys, lab)
		return guest.Result{}, nil
	})
	c.fake.OnDo("/usr/bin/dnf *", func(r guest.Command) (guest.Result, error) { return c.dnf(r.Args), nil })
	c.fake.On("sleep 10", guest.Result{}).On("timeout *", guest.Result{ExitCode: 124})
	return c
}

func (c *centos) rpm(args []string) guest.Result {
	var out strings.Builder
	switch {
	case slices.Contains(args, "--package"):
		return guest.Result{ExitCode: 1, Stdout: []byte("/usr/bin/hello\n/usr/share/doc/hello\n/none/hello\n")}
	case slices.Contains(args, "gpg-pubkey"):
		return guest.Result{Stdout: []byte(strings.Join(c.keys, "\n"))}
	case slices.Contains(args, "--whatprovides"):
		return guest.Result{ExitCode: 1, Stdout: []byte("kernel\nkernel\nno package provides kernel-PAE\n")}
	case args[0] == "--query":
		for i, p := range c.installed {
			name, version, _ := strings.Cut(p, " ")
			epoch, rest, found := strings.Cut(version, ":")
			if !found {
				epoch, rest = "0", version
			}
			v, release, _ := strings.Cut(rest, "-")
			fmt.Fprintf(&out, "%s\t%s\t%s\t%s\tx86_64\t%d\n", name, epoch, v, release, i)
		}
	case args[1] == "--test":
		names := args[slices.Index(args, "--")+1:]
		for needing, needed := range c.needs {
			if slices.Contains(names, needed) && !slices.Contains(names, needing) && c.version(needing) != "" {
				fmt.Fprintf(&out, "error: Failed dependencies:\n\t%s is needed by (installed) %s-1-1.x86_64\n", needed, needing)
			}
		}
		if out.Len() > 0 {
			return guest.Result{ExitCode: 1, Stderr: []byte(out.String())}
		}
	default:
		for _, word := range args[slices.Index(args, "--")+1:] {
			if id, isKey := strings.CutPrefix(word, "gpg-pubkey-"); isKey {
				c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == id })
				continue
			}
			c.drop(strings.TrimSuffix(word, ".x86_64"))
		}
	}
	return guest.Result{Stdout: []byte(out.String())}
}

// version is that of a package, the last one to come, or empty.
func (c *centos) version(name string) string {
	found := ""
	for _, p := range c.installed {
		if n, v, _ := strings.Cut(p, " "); n == name {
			found = v
		}
	}
	return found
}

// drop takes NAME or NAME-VERSION-RELEASE away.
func (c *centos) drop(word string) {
	c.installed = slices.DeleteFunc(slices.Clone(c.installed), func(p string) bool {
		name, version, _ := strings.Cut(p, " ")
		return word == name || word == name+"-"+version
	})
}

func (c *centos) dnf(args []string) guest.Result {
	if len(c.answers) > 0 {
		answer := c.answers[0]
		c.answers = c.answers[1:]
		return answer
	}
	excluded := dnf.Excluded(c.fake.Content(dnf.Conf))
	for _, a := range args {
		if word, ok := strings.CutPrefix(a, "--setopt=excludepkgs="); ok && word == "" {
			excluded = nil
		} else if ok {
			excluded = append(excluded, word)
		}
	}
	if slices.Contains(args, "makecache") {
		return guest.Result{}
	}
	words := args[slices.Index(args, "--")+1:]
	var out strings.Builder
	for _, word := range words {
		name, versions := c.find(word)
		switch {
		case slices.Contains(args, "repoquery"):
			if v := c.version(word); v != "" && v != versions[len(versions)-1] {
				fmt.Fprintf(&out, "%s\tx86_64\t%s\n", word, versions[len(versions)-1])
			}
		case slices.Contains(excluded, name) || len(versions) == 0:
			return guest.Result{ExitCode: 1, Stderr: []byte("Error: Unable to find a match: " + word + "\n")}
		case slices.Contains(args, "remove"):
			c.drop(word)
			for needing, needed := range c.needs {
				if needed == word {
					c.drop(needing)
				}
			}
		default:
			if name != "kernel" {
				c.drop(name)
			}
			c.installed = append(c.installed, name+" "+versions[len(versions)-1])
			if needed := c.needs[name]; needed != "" && c.version(needed) == "" {
				c.installed = append(c.installed, needed+" 1-1")
			}
		}
	}
	return guest.Result{Stdout: []byte(out.String())}
}

// find is the package that a word of dnf's is for, with the versions it allows.
func (c *centos) find(word string) (string, []string) {
	if versions := c.served[word]; versions != nil {
		return word, versions
	}
	for name, versions := range c.served {
		version, ok := strings.CutPrefix(word, name+"-")
		for _, v := range versions {
			if ok && (v == version || strings.HasPrefix(v, version+"-")) {
				return name, []string{v}
			}
		}
	}
	return word, nil
}

func (c *centos) holds() []string { return dnf.Excluded(c.fake.Content(dnf.Conf)) }

const labKey = `-----BEGIN PGP PUBLIC KEY BLOCK-----

xjMEZimdABYJKwYBBAHaRw8BAQdATdHoVFC1Fz0EVH6bTM61phWV9nYQcxh0Y4tW
eLGk4QvNEmxhYiA8bGFiQGxhYi50ZXN0PsK9BBMWCABvBYJmKZ0AAgsHCRD2VHMW
69CYgzUUAAAAAAAcABBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3JnTeafAwl+
TVIv8cgvkf9qQAIVCAIWAAIZAQKbAwIeARYhBEDQ3qqgxkHvE2f5afZUcxbr0JiD
AABmOwEA+qEkv7Tjay+tcb3mU/tlulYDbEvqNyNr7lthecXv8H0BAL4q4h957NzJ
0AURxbyCXzkDwBBu5sgzQr+i4DINArUFzjgEZimdABIKKwYBBAGXVQEFAQEHQCoD
aIhaXxLQXfm5k11A8xhLeAT1EY37ap26Y9+XTgIjAwEKCcKuBBgWCABgBYJmKZ0A
CRD2VHMW69CYgzUUAAAAAAAcABBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3Jn
ML0u8YoSUp0wd+8uIxPfUgKbDBYhBEDQ3qqgxkHvE2f5afZUcxbr0JiDAAC0IwD+
OfF9TpxjJlRRN+5fG17Cu7Q/I4zBFQUK5P3kDagzq6kA/1Fh+Qs6yvlC2lil+gMn
NQbmsia0wSK0nmzpC8cIac4O
=J97w
-----END PGP PUBLIC KEY BLOCK-----`

// inYum is a document with the lab's repository of dnf's.
func inYum(wanted map[string]state.Package) state.Packages {
	return state.Packages{Wanted: wanted, Repositories: map[string]state.Repository{"lab": {URL: "http://mirror.example/yum", Key: labKey}}}
}

func planDnf(t *testing.T, m guest.Machine, p state.Packages) (section.Plan, error) {
	t.Helper()
	return packages.Dnf().Plan(t.Context(), m, sectiontest.Encode(t, p))
}

func applyDnf(t *testing.T, m guest.Machine, p state.Packages, made section.Plan) error {
	t.Helper()
	return packages.Dnf().Apply(t.Context(), m, sectiontest.Encode(t, p), made)
}

// everythingOfDnf is a change of every kind.
func everythingOfDnf() state.Packages {
	return inYum(map[string]state.Package{
		"hello": {State: "newest", Hold: true}, "guest": {State: "present", Version: "1"}, "old": {State: "absent"},
		"kept": {State: "present"}, "kernel": {State: "present", Version: "5-1"},
	})
}

func (c *centos) sorted() []string { return slices.Sorted(slices.Values(c.installed)) }

func TestDnfReachesEveryKindOfChangeAndComesBack(t *testing.T) {
	c := newCentOS()
	before := c.sorted()
	chosen := everythingOfDnf()
	made, err := planDnf(t, c.fake, chosen)
	if err != nil || len(made.Changes) != 4 || made.Changes[2].Summary != "install guest 1, install hello, remove old 1-1" {
		t.Fatalf("got %+v, %v", made.Changes, err)
	}
	if len(c.fake.Writes()) > 0 {
		t.Errorf("a plan wrote %q", c.fake.Writes())
	}
	if err := applyDnf(t, c.fake, chosen, made); err != nil {
		t.Fatal(err)
	}
	want := []string{"base 1-1", "guest 1-1", "hello 2-1", "kept 3-1", "kernel 5-1", "kernel 5-2", "rpm 4.16-1"}
	if !slices.Equal(c.sorted(), want) || !slices.Equal(c.keys, []string{vendor, lab}) || !slices.Equal(c.holds(), []string{"kernel*", "hello"}) {
		t.Errorf("there are %q, the keys %q, the holds %q", c.installed, c.keys, c.holds())
	}
	again, err := planDnf(t, c.fake, chosen)
	if err != nil || len(again.Changes) > 0 {
		t.Errorf("a second plan has %+v, %v", again.Changes, err)
	}
	var found state.Packages
	if err := json.Unmarshal(again.Actual, &found); err != nil {
		t.Fatal(err)
	}
	if got := found.Wanted["hello"]; got != (state.Package{State: "present", Version: "2-1", Hold: true}) || found.Repositories["lab"].Key != labKey {
		t.Errorf("reported %+v", found)
	}
	for range 2 {
		if err := packages.Dnf().Restore(t.Context(), c.fake, made.Checkpoint); err != nil {
			t.Fatal(err)
		}
		c.isAsBefore(t, before)
	}
}

func (c *centos) isAsBefore(t *testing.T, before []string) {
	t.Helper()
	if !slices.Equal(c.sorted(), before) || !slices.Equal(c.keys, []string{vendor}) {
		t.Errorf("after a restore there are %q, the keys %q", c.installed, c.keys)
	}
	if c.fake.Exists(dnf.Repositories) || c.fake.Exists(keyPath) || c.fake.Content(dnf.Conf) != conf {
		t.Errorf("after a restore there are the files %q", c.fake.Names())
	}
}

// A machine that dies at any call of an apply is as before after a restore.
func TestDnfComesBackFromAnyCrash(t *testing.T) {
	c := newCentOS()
	sectiontest.Subject{Section: packages.Dnf(), Machine: c.fake, Show: func() string {
		return fmt.Sprint(c.sorted(), c.keys, c.fake.Exists(dnf.Repositories), c.fake.Exists(keyPath), c.fake.Content(dnf.Conf))
	}}.RestoresAtEveryCall(t, everythingOfDnf(), 8)
}

// A version that is there in its epoch and release is the chosen one without
// them; newest follows what the indexes have.
func TestDnfFollowsVersions(t *testing.T) {
	c := newCentOS()
	c.installed = append(c.installed, "hello 1-1", "ssl 1:3.0-24")
	c.served["ssl"] = []string{"1:3.0-24"}
	for _, version := range []string{"", "3.0", "3.0-24", "1:3.0", "1:3.0-24"} {
		made, err := planDnf(t, c.fake, state.Packages{Wanted: map[string]state.Package{"ssl": {State: "present", Version: version}}})
		if err != nil || len(made.Changes) > 0 {
			t.Errorf("%s: got %+v, %v", version, made.Changes, err)
		}
	}
	for _, step := range []struct {
		chosen  state.Package
		told, v string
	}{
		{state.Package{State: "newest"}, "bring hello from 1-1 to the newest version", "2-1"},
		{state.Package{State: "present", Version: "1", Hold: true}, "bring hello from 2-1 to 1", "1-1"},
		{state.Package{State: "newest", Hold: true}, "bring hello from 1-1 to the newest version", "2-1"},
	} {
		chosen := state.Packages{Wanted: map[string]state.Package{"hello": step.chosen}}
		made, err := planDnf(t, c.fake, chosen)
		if err != nil || len(made.Changes) == 0 || made.Changes[0].Summary != step.told {
			t.Fatalf("got %+v, %v", made.Changes, err)
		}
		if err := applyDnf(t, c.fake, chosen, made); err != nil || c.version("hello") != step.v {
			t.Errorf("there is %s, %v", c.version("hello"), err)
		}
		if made, err := planDnf(t, c.fake, chosen); err != nil || len(made.Changes) > 0 {
			t.Errorf("a second plan has %+v, %v", made.Changes, err)
		}
	}
}

// A key that is chosen no more is trusted no more, unless the vendor's.
func TestRPMTrustsTheChosenKeysOnly(t *testing.T) {
	c := newCentOS()
	for _, step := range []struct {
		chosen state.Packages
		keys   []string
	}{{inYum(nil), []string{vendor, lab}}, {state.Packages{}, []string{vendor}}} {
		made, err := planDnf(t, c.fake, step.chosen)
		if err != nil || len(made.Changes) != 2 {
			t.Fatalf("got %+v, %v", made.Changes, err)
		}
		if err := applyDnf(t, c.fake, step.chosen, made); err != nil || !slices.Equal(c.keys, step.keys) {
			t.Errorf("the keys are %q, %v", c.keys, err)
		}
	}
	if err := func() error {
		made, err := planDnf(t, c.fake, inYum(nil))
		if err != nil {
			return err
		}
		c.fake.On("rpmkeys *", guest.Result{ExitCode: 1, Stderr: []byte("error: key 1 import failed.\n")})
		return applyDnf(t, c.fake, inYum(nil), made)
	}(); err == nil || err.Error() != "packages.repositories.lab.key: rpm does not take it: error: key 1 import failed." {
		t.Errorf("got %v", err)
	}
}

// Two versions beside each other are an upgrade that was cut short: the one that
// came last stays. Kernels are there beside each other on purpose.
func TestDnfWaitsAndRepairs(t *testing.T) {
	c := newCentOS()
	c.installed = append(c.installed, "old 0-9")
	chosen := inYum(map[string]state.Package{"hello": {State: "present"}})
	made, err := planDnf(t, c.fake, chosen)
	if err != nil {
		t.Fatal(err)
	}
	if told := made.Changes[2].Summary; told != "install hello, end the installation of old that was cut short" {
		t.Errorf("told %q", told)
	}
	locked := guest.Result{ExitCode: 200, Stderr: []byte("RPMDB already locked by 7\n  The application with PID 7 is: packagekitd\n")}
	open := guest.Result{ExitCode: 1, Stderr: []byte("RPM: error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)\nError: Could not run transaction.\n")}
	var progress []string
	ctx := section.WithProgress(t.Context(), func(message string, _ int) {
		if progress = append(progress, message); strings.HasPrefix(message, "dnf install") && len(c.answers) == 0 {
			c.answers = []guest.Result{locked, open}
		}
	})
	if err := packages.Dnf().Apply(ctx, c.fake, sectiontest.Encode(t, chosen), made); err != nil {
		t.Fatal(err)
	}
	if want := []string{"hello 2-1", "kept 3-1", "kernel 5-1", "kernel 5-2", "old 0-9", "rpm 4.16-1"}; !slices.Equal(c.sorted(), want) {
		t.Errorf("there are %q", c.installed)
	}
	if !slices.ContainsFunc(progress, func(s string) bool { return strings.HasSuffix(s, "held by process 7 (packagekitd)") }) {
		t.Errorf("told %q", progress)
	}
	// Who stays at work for long is named, and what was planned is left for later.
	c.answers = []guest.Result{locked, locked, locked, locked}
	err = applyDnf(t, c.fake, inYum(nil), section.Plan{})
	if err != nil {
		t.Errorf("nothing was to do, got %v", err)
	}
	more := inYum(map[string]state.Package{"guest": {State: "present"}})
	if made, err = planDnf(t, c.fake, more); err != nil {
		t.Fatal(err)
	}
	if err := applyDnf(t, c.fake, more, made); err == nil || err.Error() != "packages: somebody else is at work with packages: the lock is held by process 7 (packagekitd)" {
		t.Errorf("got %v", err)
	}
}

func TestDnfSaysWhichFieldFails(t *testing.T) {
	away := "Error: Failed to download metadata for repo 'guestd-lab': Cannot download repomd.xml\n"
	for want, step := range map[string]struct {
		wanted map[string]state.Package
		answer string
	}{
		"packages.wanted.none: Unable to find a match: none":     {wanted: map[string]state.Package{"none": {State: "present"}}},
		"packages.wanted.hello: Unable to find a match: hello-9": {wanted: map[string]state.Package{"hello": {State: "present", Version: "9"}}},
		"packages.repositories.lab: Failed to download metadata": {answer: away},
		"packages.repositories.lab: Status code: 404 for http:":  {answer: "Error: Status code: 404 for http://mirror.example/yum/x.rpm\n"},
		"packages.wanted.hello: Error in PREIN scriptlet in":     {answer: "Error in PREIN scriptlet in rpm package hello\nError: Transaction failed\n"},
		"packages: Failed to synchronize":                        {answer: "Error: Failed to synchronize\n"},
	} {
		c := newCentOS()
		chosen := inYum(step.wanted)
		made, err := planDnf(t, c.fake, chosen)
		if err != nil {
			t.Fatal(err)
		}
		if step.answer != "" {
			c.answers = []guest.Result{{ExitCode: 1, Stderr: []byte(step.answer)}}
		}
		if err := applyDnf(t, c.fake, chosen, made); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A package that others need is not removed with them.
func TestDnfRemovesNothingThatNobodyChose(t *testing.T) {
	c := newCentOS()
	c.installed = append(c.installed, "guest 1-1", "base 1-1")
	chosen := inYum(map[string]state.Package{"base": {State: "absent"}})
	made, err := planDnf(t, c.fake, chosen)
	if err != nil {
		t.Fatal(err)
	}
	err = applyDnf(t, c.fake, chosen, made)
	if err == nil || err.Error() != "packages.wanted.base: cannot be removed without guest, which is not chosen to be absent; nothing was removed" {
		t.Errorf("got %v", err)
	}
	if c.version("base") == "" {
		t.Error("it was removed")
	}
}

func TestDnfRefusesBeforeAnythingIsTouched(t *testing.T) {
	repository := func(change func(*state.Repository)) state.Packages {
		p := inYum(nil)
		r := p.Repositories["lab"]
		change(&r)
		p.Repositories["lab"] = r
		return p
	}
	for want, p := range map[string]state.Packages{
		"packages.wanted.hello.x86_64: ends in an architecture": {Wanted: map[string]state.Package{"hello.x86_64": {State: "present"}}},
		"packages.repositories.lab.suite: is not for dnf":       repository(func(r *state.Repository) { r.Suite = "stable" }),
		"packages.repositories.lab.components: are not for dnf": repository(func(r *state.Repository) { r.Components = []string{"main"} }),
		"packages.repositories.lab.key: a public key ends in":   repository(func(r *state.Repository) { r.Key = key }),
	} {
		if _, err := planDnf(t, newCentOS().fake, p); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := planDnf(t, guesttest.New(nil), inYum(nil)); err == nil || !strings.HasPrefix(err.Error(), "packages: needs dnf") {
		t.Errorf("got %v", err)
	}
}

func TestDnfTellsOfAPendingReboot(t *testing.T) {
	for started, want := range map[string]bool{"btime 1000": false, "btime 0": true} {
		c := newCentOS()
		c.fake.Put("/proc/stat", "cpu 1\n"+started+"\n")
		made, err := planDnf(t, c.fake, state.Packages{})
		if err != nil || strings.Contains(string(made.Actual), "reboot_pending") != want {
			t.Errorf("%s: %s, %v", started, made.Actual, err)
		}
	}
}

// A thousand packages are read by two processes: for them, and for the keys.
func TestDnfReadsAThousandPackagesAtOnce(t *testing.T) {
	c := newCentOS()
	c.installed = c.installed[:3]
	chosen := state.Packages{Wanted: map[string]state.Package{}}
	for i := range 1000 {
		c.installed = append(c.installed, fmt.Sprintf("p%d 1-1", i))
		chosen.Wanted[fmt.Sprintf("p%d", i)] = state.Package{State: "present"}
	}
	if made, err := planDnf(t, c.fake, chosen); err != nil || len(made.Changes) > 0 {
		t.Fatalf("got %v, %v", made.Changes, err)
	}
	if ran := c.fake.Ran(); len(ran) != 2 {
		t.Errorf("ran %q", ran)
	}
}

// What rpm was unpacking when it was cut short goes with a restore, though its
// database has no word of it. What may be another's work stays.
func TestDnfSweepsWhatWasUnpackedInPart(t *testing.T) {
	const fetched, part, lock = "/var/cache/dnf/guestd-lab-1/packages/hello-2-1.noarch.rpm", "/usr/bin/hello;6b04f970", "/var/lib/dnf/rpmdb_lock.pid"
	others := []string{"/usr/bin/hello", "/usr/bin/other;6b04f970", "/usr/bin/hello;6b04f97", "/usr/share/doc/hello;6b04f970/x"}
	for name, c := range map[string]struct {
		put   map[string]string
		stays bool
	}{
		"cut short":      {map[string]string{fetched: "", lock: "7"}, false},
		"at work":        {map[string]string{fetched: "", lock: "7", "/proc/7/stat": ""}, true},
		"nobody's known": {map[string]string{"/var/cache/dnf/guestd-lab-1/packages/x.part": "", "/var/cache/dnf/expired_repos.json": ""}, true},
	} {
		m := newCentOS()
		chosen := inYum(map[string]state.Package{"hello": {State: "present"}})
		made, err := planDnf(t, m.fake, chosen)
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range c.put {
			m.fake.Put(path, text)
		}
		for _, path := range append(others, part) {
			m.fake.Put(path, "")
		}
		if err := packages.Dnf().Restore(t.Context(), m.fake, made.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if m.fake.Exists(part) != c.stays || slices.ContainsFunc(others, func(p string) bool { return !m.fake.Exists(p) }) {
			t.Errorf("%s: there are %q", name, m.fake.Names())
		}
	}
}
