package apt_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/apt"
)

const query = "dpkg-query --show '--showformat=${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Abbrev}\\n'"

func TestQueryReadsEveryStatus(t *testing.T) {
	m := guesttest.New(nil).OnOutput(query, strings.Join([]string{
		"zlib1g\tamd64\t1:1.3\tii ", "zlib1g\ti386\t1:1.3\tii ", "dpkg\tamd64\t1.22\tii ", "held\tall\t1\thi ",
		"gone\tall\t1\trc ", "never\tamd64\t\tun ", "half\tall\t2\tiF ", "torn\tall\t3\tiHR", "waits\tall\t4\tit ",
	}, "\n")+"\n")
	got, err := apt.Query(t.Context(), m)
	want := []apt.Installed{
		{Name: "dpkg", Version: "1.22"},
		{Name: "half", Version: "2", Broken: true},
		{Name: "held", Version: "1", Hold: true},
		{Name: "torn", Version: "3", Broken: true},
		{Name: "waits", Version: "4"},
		{Name: "zlib1g", Version: "1:1.3"},
		{Name: "zlib1g:i386", Version: "1:1.3"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := apt.Query(t.Context(), guesttest.New(nil).OnOutput(query, "what\n")); err == nil {
		t.Error("a line that is none was read")
	}
}

func TestSourcesAreReadBack(t *testing.T) {
	want := []apt.Repository{
		{Name: "a", URL: "http://a/b", Suite: "stable", Components: []string{"main", "extra"}, Key: "-----BEGIN-----\n\nabc\n-----END-----\n"},
		{Name: "b", URL: "https://b/", Suite: "./", Key: "k\n"},
	}
	text := apt.RenderSources(want)
	if got := apt.ParseSources(text); !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nreads as %+v", text, got)
	}
	if !strings.Contains(text, "\nSigned-By:\n -----BEGIN-----\n .\n abc\n -----END-----\n") {
		t.Errorf("the key is not one field:\n%s", text)
	}
	if apt.RenderSources(nil) != "" {
		t.Error("no repositories have a text")
	}
}

// What apt 3.0.3 and dpkg 1.22 wrote, in a root of Debian 13.
func TestFailuresAreToldApart(t *testing.T) {
	for stderr, want := range map[string]apt.Error{
		"E: Unable to locate package inn-missing\n":             {Package: "inn-missing", Unknown: true, Message: "Unable to locate package inn-missing"},
		"E: Version '9' for 'inn-hello' was not found\n":        {Package: "inn-hello", Unknown: true, Message: "Version '9' for 'inn-hello' was not found"},
		"E: Package 'x-y' has no installation candidate\n":      {Package: "x-y", Unknown: true, Message: "Package 'x-y' has no installation candidate"},
		"W: a\nE: The repository 'http://h s' is not signed.\n": {Message: "a; The repository 'http://h s' is not signed."},
		"dpkg: error processing package bad (--configure):\n exit status 42\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n": {
			Package: "bad", Message: "dpkg: error processing package bad (--configure): exit status 42; Sub-process /usr/bin/dpkg returned an error code (1)",
		},
		"": {Message: "command apt-get ended with exit status 100"},
	} {
		m := guesttest.New(nil).On("apt-get *", guest.Result{ExitCode: 100, Stderr: []byte(stderr)})
		var got *apt.Error
		if err := apt.Install(t.Context(), m, true, false, []string{"a"}); !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %+v, want %+v", stderr, got, want)
		}
	}
	var locked *apt.LockError
	m := guesttest.New(nil).On("apt-get *", guest.Result{ExitCode: 100, Stderr: []byte("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)\n")})
	if err := apt.UpdateAll(t.Context(), m); !errors.As(err, &locked) || !strings.HasSuffix(locked.Message, "held by process 7 (apt-get)") {
		t.Errorf("got %v", err)
	}
	// After a wait apt says only then, and on the other stream, who it was.
	m = guesttest.New(nil).On("apt-get *", guest.Result{
		ExitCode: 100, Stdout: []byte("Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (perl)...\n"),
		Stderr: []byte("E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n"),
	})
	if err := apt.UpdateAll(t.Context(), m); !errors.As(err, &locked) || !strings.HasSuffix(locked.Message, "using it? It is held by process 7 (perl)") {
		t.Errorf("got %v", err)
	}
	m = guesttest.New(nil).On("dpkg *", guest.Result{ExitCode: 2, Stderr: []byte("dpkg: error: dpkg frontend lock was locked by another process with pid 7\n")})
	if err := apt.Configure(t.Context(), m); !errors.As(err, &locked) {
		t.Errorf("got %v", err)
	}
	var interrupted *apt.InterruptedError
	m = guesttest.New(nil).On("apt-get *", guest.Result{ExitCode: 100, Stderr: []byte("E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n")})
	if err := apt.Install(t.Context(), m, true, false, []string{"a"}); !errors.As(err, &interrupted) {
		t.Errorf("got %v", err)
	}
}

func TestNothingCanAsk(t *testing.T) {
	m := guesttest.New(nil).On("apt-get *", guest.Result{})
	if err := apt.Install(t.Context(), m, true, false, []string{"a=1", "b-"}); err != nil {
		t.Fatal(err)
	}
	c := m.Commands()[0]
	if !slices.Contains(c.Env, "DEBIAN_FRONTEND=noninteractive") || !slices.Contains(c.Args, "-y") || !slices.Contains(c.Args, "--no-remove") || c.Stdin != nil {
		t.Errorf("ran %s with %q", c, c.Env)
	}
	if end := c.Args[len(c.Args)-3:]; !slices.Equal(end, []string{"--", "a=1", "b-"}) {
		t.Errorf("the packages are %q", end)
	}
}

func TestCandidatesAndRemovals(t *testing.T) {
	m := guesttest.New(nil).
		OnOutput("apt-cache *", "a:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500\nb:\n  Installed: (none)\n  Candidate: (none)\n").
		OnOutput("apt-get -q -s *", "Remv b [1]\nInst c (1 lab)\nRemv d [2] []\n")
	got, err := apt.Candidates(t.Context(), m, []string{"a", "b"})
	if err != nil || !reflect.DeepEqual(got, map[string]string{"a": "2"}) {
		t.Errorf("got %v, %v", got, err)
	}
	removed, err := apt.Removed(t.Context(), m, []string{"b-"})
	if err != nil || !slices.Equal(removed, []string{"b", "d"}) {
		t.Errorf("got %v, %v", removed, err)
	}
}

// No answer of dpkg-query is read over the end of a field or a line.
func FuzzQuery(f *testing.F) {
	f.Add("zlib1g\tamd64\t1:1.3\tii \ndpkg\tamd64\t1\thi \n")
	f.Add("a\t\t\t\n")
	f.Fuzz(func(t *testing.T, out string) {
		got, err := apt.Query(t.Context(), guesttest.New(nil).OnOutput(query, out))
		if err != nil {
			return
		}
		for _, p := range got {
			if p.Version != strings.Trim(p.Version, "\t\n") || strings.Contains(p.Name, "\t") {
				t.Fatalf("%q has the package %+v", out, p)
			}
		}
	})
}

// No more repositories are read from a file than it names.
func FuzzSources(f *testing.F) {
	f.Add("X-Guestd-Name: a\nURIs: http://a\nSuites: s\nComponents: main\nSigned-By:\n k\n .\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := apt.ParseSources(text); len(got) > strings.Count(text, "X-Guestd-Name") {
			t.Fatalf("%q has %d repositories", text, len(got))
		}
	})
}
