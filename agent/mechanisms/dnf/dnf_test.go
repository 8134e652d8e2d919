package dnf_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/dnf"
)

func TestRepositoriesAreReadBack(t *testing.T) {
	want := []dnf.Repository{{Name: "a", URL: "http://a/b"}, {Name: "b-2", URL: "https://[2001:db8::1]/"}}
	text := dnf.RenderRepositories(want)
	if got := dnf.ParseRepositories(text); !slices.Equal(got, want) {
		t.Errorf("%s\nreads as %+v", text, got)
	}
	for _, line := range []string{"[guestd-a]\n", "gpgcheck=1\n", "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-guestd-b-2\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("%s\nlacks %q", text, line)
		}
	}
	if dnf.RenderRepositories(nil) != "" {
		t.Error("no repositories have a text")
	}
}

func TestExcludesAreChangedAndNothingElse(t *testing.T) {
	const plain = "# of CentOS\n[main]\ngpgcheck=1\nbest=True\n"
	for name, c := range map[string]struct {
		text        string
		add, remove []string
		want        string
	}{
		"first":        {plain, []string{"b", "a"}, nil, plain + "excludepkgs=a b\n"},
		"last":         {plain + "excludepkgs=a\n", nil, []string{"a"}, plain},
		"beside":       {plain + "excludepkgs=kernel*, a\n", []string{"b"}, []string{"a"}, plain + "excludepkgs=kernel* b\n"},
		"there":        {plain + "exclude = a, b\n", []string{"a"}, []string{"c"}, plain + "exclude = a, b\n"},
		"others":       {plain + "exclude=a\n", []string{"b"}, nil, plain + "exclude=a\nexcludepkgs=b\n"},
		"continued":    {plain + "excludepkgs=\n  a\n  b\n", nil, []string{"a", "b"}, plain + "excludepkgs=\n"},
		"in the midst": {"[main]\nbest=1\n\n[repo]\nexcludepkgs=a\n", []string{"b"}, []string{"a"}, "[main]\nbest=1\nexcludepkgs=b\n\n[repo]\nexcludepkgs=a\n"},
		"no file":      {"", []string{"a"}, nil, "[main]\nexcludepkgs=a\n"},
		"no section":   {"[x]\na=b\n", []string{"a"}, nil, "[x]\na=b\n[main]\nexcludepkgs=a\n"},
		"no end":       {"[main]\nbest=1", []string{"a"}, nil, "[main]\nbest=1\nexcludepkgs=a\n"},
		"a comment":    {"[main]\n#excludepkgs=a\n", nil, []string{"a"}, "[main]\n#excludepkgs=a\n"},
	} {
		got := dnf.Exclude(c.text, c.add, c.remove)
		if got != c.want {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	if got := dnf.Excluded("[main]\nexclude=a,b\nexcludepkgs= c\n\td e\n[x]\nexclude=f\n"); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("got %q", got)
	}
}

// What dnf 4.23.0 with rpm 4.20.1 wrote, on both its streams.
func TestFailuresAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		stdout, stderr string
		want           dnf.Error
	}{
		"missing": {
			"No match for argument: inn-missing\n", "Error: Unable to find a match: inn-missing\n",
			dnf.Error{Package: "inn-missing", Unknown: true, Message: "Unable to find a match: inn-missing"},
		},
		"script": {
			"  Running scriptlet: inn-failing-1.0-1.noarch                               1/1 \nthe lab says no\nerror: %prein(inn-failing-1.0-1.noarch) scriptlet failed, exit status 42\n\nFailed:\n  inn-failing-1.0-1.noarch\n",
			"Error in PREIN scriptlet in rpm package inn-failing\nError: Transaction failed\n",
			dnf.Error{Package: "inn-failing", Message: "Error in PREIN scriptlet in rpm package inn-failing; Transaction failed; the lab says no; error: %prein(inn-failing-1.0-1.noarch) scriptlet failed, exit status 42"},
		},
		"signature": {
			"", "The GPG keys listed for the \"guestd-lab\" repository are already installed but they are not correct for this package.\nCheck that the correct key URLs are configured for this repository.. Failing package is: inn-guest-1.0-1.noarch\n GPG Keys are configured as: file:///etc/pki/rpm-gpg/RPM-GPG-KEY-guestd-lab\nError: GPG check FAILED\n",
			dnf.Error{Repository: "lab", Message: "The GPG keys listed for the \"guestd-lab\" repository are already installed but they are not correct for this package.; GPG Keys are configured as: file:///etc/pki/rpm-gpg/RPM-GPG-KEY-guestd-lab; GPG check FAILED"},
		},
		"away": {
			"", "Error: Failed to download metadata for repo 'guestd-lab': Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried\n",
			dnf.Error{Repository: "lab", Message: "Failed to download metadata for repo 'guestd-lab': Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried"},
		},
		"unsigned": {
			" Package            Architecture    Version           Repository           Size\n", "Package inn-hello-1.0-1.noarch is not signed\nError: GPG check FAILED\n",
			dnf.Error{Package: "inn-hello", Message: "Package inn-hello-1.0-1.noarch is not signed; GPG check FAILED"},
		},
		"protected": {
			"", "Error: \n Problem: The operation would result in removing the following protected packages: dnf\n",
			dnf.Error{Package: "dnf", Message: "Problem: The operation would result in removing the following protected packages: dnf"},
		},
		"silence": {want: dnf.Error{Message: "command /usr/bin/dnf ended with exit status 1"}},
	} {
		m := guesttest.New(nil).On("/usr/bin/dnf *", guest.Result{ExitCode: 1, Stdout: []byte(c.stdout), Stderr: []byte(c.stderr)})
		var got *dnf.Error
		if err := (dnf.Transaction{}).Install(t.Context(), m, []string{"a"}); !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestALockNamesItsHolder(t *testing.T) {
	for _, c := range []struct {
		status int
		stderr string
		pid    int
		want   string
	}{
		{200, "RPMDB already locked by 5217\n  The application with PID 5217 is: python3\n    Memory :  49 M RSS ( 83 MB VSZ)\n", 5217, "the lock is held by process 5217 (python3)"},
		{200, "Malformed lock file found: /var/lib/dnf/rpmdb_lock.pid.\n", 0, "Malformed lock file found: /var/lib/dnf/rpmdb_lock.pid."},
		{200, "", 0, "dnf is locked"},
		{1, "RPM: error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)\nError: Could not run transaction.\n", 0, "somebody has rpm's database open for a change"},
	} {
		m := guesttest.New(nil).On("/usr/bin/dnf *", guest.Result{ExitCode: c.status, Stderr: []byte(c.stderr)})
		var got *dnf.LockError
		if err := dnf.Refresh(t.Context(), m); !errors.As(err, &got) || got.PID != c.pid || got.Message != c.want {
			t.Errorf("got %+v, want %s", got, c.want)
		}
	}
	m := guesttest.New(nil).On("timeout 10 tail --pid=7 *", guest.Result{ExitCode: 124}).On("sleep 10", guest.Result{})
	if err := errors.Join(dnf.Wait(t.Context(), m, 7), dnf.Wait(t.Context(), m, 0)); err != nil || len(m.Ran()) != 2 {
		t.Errorf("ran %q, %v", m.Ran(), err)
	}
}

func TestNothingCanAsk(t *testing.T) {
	m := guesttest.New(nil).On("/usr/bin/dnf *", guest.Result{})
	if err := (dnf.Transaction{Excluded: []string{"kernel*"}, Refresh: true}).Install(t.Context(), m, []string{"a-1", "b"}); err != nil {
		t.Fatal(err)
	}
	c := m.Commands()[0]
	if !slices.Contains(c.Args, "-y") || !slices.Contains(c.Args, "--setopt=exit_on_lock=1") || !slices.Contains(c.Args, "--refresh") || c.Stdin != nil {
		t.Errorf("ran %s", c)
	}
	if end := c.Args[len(c.Args)-6:]; !slices.Equal(end, []string{"--setopt=excludepkgs=", "--setopt=excludepkgs=kernel*", "install", "--", "a-1", "b"}) {
		t.Errorf("ran %s", c)
	}
	if err := (dnf.Transaction{}).Remove(t.Context(), m, []string{"a"}); err != nil || strings.Contains(m.Ran()[1], "excludepkgs") {
		t.Errorf("ran %q, %v", m.Ran(), err)
	}
}

func TestUpgrades(t *testing.T) {
	m := guesttest.New(nil).OnOutput("/usr/bin/dnf --quiet --cacheonly *", "inn-hello\tnoarch\t2.0-1\nopenssl\tx86_64\t1:3-1\nwhat\n")
	got, err := dnf.Upgrades(t.Context(), m, []string{"inn-hello", "openssl"})
	want := map[string]string{"inn-hello": "2.0-1", "inn-hello.noarch": "2.0-1", "openssl": "1:3-1", "openssl.x86_64": "1:3-1"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	m.On("/usr/bin/dnf *", guest.Result{ExitCode: 1, Stderr: []byte("Error: broken\n")})
	if _, err := dnf.Upgrades(t.Context(), m, []string{"a"}); err == nil || err.Error() != "broken" {
		t.Errorf("got %v", err)
	}
}

// A change of what is excluded leaves all other lines, and is all there is to a
// second one.
func FuzzExclude(f *testing.F) {
	f.Add("[main]\ngpgcheck=1\nexclude=a, kernel*\n  b\n\n[r]\nexcludepkgs=c\n", "b", "a")
	f.Add("", "x", "")
	f.Add("[main]\nexcludepkgs=\n a\n#\n b", "c", "a")
	f.Fuzz(func(t *testing.T, text, add, remove string) {
		word := func(s string) bool { return s != "" && !strings.ContainsAny(s, " ,\t\r\n\v\f\u0085\u00a0") }
		if !word(add) || !word(remove) || add == remove {
			return
		}
		got := dnf.Exclude(text, []string{add}, []string{remove})
		if all := dnf.Excluded(got); !slices.Contains(all, add) || slices.Contains(all, remove) {
			t.Fatalf("%q became %q, which excludes %q", text, got, all)
		}
		if again := dnf.Exclude(got, []string{add}, []string{remove}); again != got {
			t.Fatalf("%q became %q and then %q", text, got, again)
		}
		for line := range strings.Lines(text) {
			if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") && !strings.Contains(got, trimmed) {
				t.Fatalf("%q became %q, without %q", text, got, line)
			}
		}
	})
}

// No more repositories are read from a file than it has sections.
func FuzzRepositories(f *testing.F) {
	f.Add(dnf.RenderRepositories([]dnf.Repository{{Name: "a", URL: "http://a"}}))
	f.Fuzz(func(t *testing.T, text string) {
		if got := dnf.ParseRepositories(text); len(got) > strings.Count(text, "[guestd-") {
			t.Fatalf("%q has %d repositories", text, len(got))
		}
	})
}

// Whatever dnf writes, its failure has a message that fits into a report.
func FuzzDiagnose(f *testing.F) {
	f.Add(1, "Error: Unable to find a match: inn-missing\n", "")
	f.Add(200, "RPMDB already locked by 99999999999999999999\n", "")
	f.Add(1, "Error: \n Problem: x\n", "error: %prein(a) scriptlet failed\n")
	f.Fuzz(func(t *testing.T, status int, stderr, stdout string) {
		if status == 0 {
			return
		}
		m := guesttest.New(nil).On("/usr/bin/dnf *", guest.Result{ExitCode: status, Stdout: []byte(stdout), Stderr: []byte(stderr)})
		err := dnf.Refresh(t.Context(), m)
		if err == nil || err.Error() == "" || len(err.Error()) > 1000 {
			t.Fatalf("got %v", err)
		}
	})
}

// No more upgrades are read than there are lines, and none without a version.
func FuzzUpgrades(f *testing.F) {
	f.Add("inn-hello\tnoarch\t2.0-1\n")
	f.Fuzz(func(t *testing.T, out string) {
		got, err := dnf.Upgrades(t.Context(), guesttest.New(nil).OnOutput("/usr/bin/dnf *", out), []string{"a"})
		if err != nil || len(got) > 2*strings.Count(out+"\n", "\n") {
			t.Fatalf("got %v, %v", got, err)
		}
		for name, version := range got {
			if name == "" || version == "" {
				t.Fatalf("%q has %q in version %q", out, name, version)
			}
		}
	})
}
