package state_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/state"
)

// packagesKey has the form of a public key; nobody has the other half.
const packagesKey = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEAAAAABYJKwYBBAHaRw8B\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"

func TestPackagesValidate(t *testing.T) {
	wanted := func(name string, p state.Package) state.Packages {
		return state.Packages{Wanted: map[string]state.Package{name: p}}
	}
	repository := func(change func(*state.Repository)) state.Packages {
		r := state.Repository{URL: "http://mirror.example/apt", Suite: "stable", Components: []string{"main"}, Key: packagesKey}
		change(&r)
		return state.Packages{Repositories: map[string]state.Repository{"lab": r}}
	}
	for name, good := range map[string]state.Packages{
		"nothing":    {},
		"present":    wanted("g++", state.Package{State: "present", Version: "4:14.2.0-1~deb13+1", Hold: true}),
		"newest":     wanted("libstdc++6", state.Package{State: "newest"}),
		"absent":     wanted("pfSense-pkg-nmap", state.Package{State: "absent"}),
		"repository": repository(func(*state.Repository) {}),
		"flat":       repository(func(r *state.Repository) { r.Suite, r.Components = "./", nil }),
		"IPv6, port": repository(func(r *state.Repository) { r.URL = "https://[2001:db8::1]:8080/a/b" }),
		"two keys":   repository(func(r *state.Repository) { r.Key += r.Key }),
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := state.Packages{Wanted: map[string]state.Package{}}
	for i := range 4097 {
		many.Wanted["p"+strings.Repeat("x", i%100)+string(rune('a'+i/100%26))+string(rune('a'+i/2600))] = state.Package{State: "present"}
	}
	for want, bad := range map[string]state.Packages{
		"packages.wanted: has 4097 packages":                                        many,
		`packages.wanted: "-y" does not begin with a letter or digit`:               wanted("-y", state.Package{State: "present"}),
		`packages.wanted: "a b" has " " in it`:                                      wanted("a b", state.Package{State: "present"}),
		`packages.wanted: "a=1" has "=" in it`:                                      wanted("a=1", state.Package{State: "present"}),
		"packages.wanted.a.state: is missing":                                       wanted("a", state.Package{}),
		`packages.wanted.a.state: "installed" is not present`:                       wanted("a", state.Package{State: "installed"}),
		`packages.wanted.a.version: "1 2" has " " in it`:                            wanted("a", state.Package{State: "present", Version: "1 2"}),
		"packages.wanted.a.version: is for the state present only":                  wanted("a", state.Package{State: "newest", Version: "1"}),
		"packages.wanted.a.hold: is not for a package that is absent":               wanted("a", state.Package{State: "absent", Hold: true}),
		"packages.repositories.lab.url: is missing":                                 repository(func(r *state.Repository) { r.URL = "" }),
		`packages.repositories.lab.url: "ftp://a/b" is not a URL of http or https`:  repository(func(r *state.Repository) { r.URL = "ftp://a/b" }),
		`packages.repositories.lab.url: "http://u@a/" has "@" in it`:                repository(func(r *state.Repository) { r.URL = "http://u@a/" }),
		`packages.repositories.lab.url: "http:///x" does not name a host`:           repository(func(r *state.Repository) { r.URL = "http:///x" }),
		`packages.repositories.lab.suite: "a b" has " " in it`:                      repository(func(r *state.Repository) { r.Suite = "a b" }),
		`packages.repositories.lab.components[0]: "-" does not begin with a letter`: repository(func(r *state.Repository) { r.Components = []string{"-"} }),
		"packages.repositories.lab.key: is missing":                                 repository(func(r *state.Repository) { r.Key = "" }),
		"packages.repositories.lab.key: is not an armored":                          repository(func(r *state.Repository) { r.Key = "x" }),
		"packages.repositories.lab.key: has an armored OpenPGP public key that cannot be read": repository(func(r *state.Repository) {
			r.Key = strings.Replace(r.Key, "\n\n", "\nComment: x\n\n", 1)
		}),
		`packages.repositories: "La" is not a repository's name`: {Repositories: map[string]state.Repository{"La": {}}},
	} {
		err := bad.Validate()
		var invalid *state.InvalidError
		if !errors.As(err, &invalid) || !slices.ContainsFunc(invalid.Reasons(), func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("got %v, want a reason that begins with %q", err, want)
		}
	}
}

// A document is judged by the same rules, field by field.
func TestParseDesiredJudgesPackages(t *testing.T) {
	_, err := state.ParseDesired([]byte(`{"revision":1,"guest":"g","sections":{"packages":{"wanted":{"a":{"state":"present","pin":1}},"repo":{}}}}`))
	var invalid *state.InvalidError
	want := []string{
		"packages.wanted.a.pin: is not a known field; known are hold, state, version",
		"packages.repo: is not a known field; known are repositories, wanted",
	}
	if !errors.As(err, &invalid) || !slices.Equal(invalid.Reasons(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// Nothing that is accepted is taken for an option by a package manager, ends a
// word of its command line, or a line of its configuration.
func FuzzPackages(f *testing.F) {
	key, err := json.Marshal(packagesKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"wanted":{"g++":{"state":"present","version":"4:1~2-3","hold":true},"b":{"state":"absent"}}}`))
	f.Add([]byte(`{"repositories":{"lab":{"url":"http://[::1]:80/a","suite":"./","components":["main"],"key":` + string(key) + `}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p state.Packages
		if state.DecodeSection("packages", json.RawMessage(raw), &p) != nil || p.Validate() != nil {
			return
		}
		var words []string
		for name, wanted := range p.Wanted {
			words = append(words, name, wanted.State, wanted.Version)
		}
		for name, r := range p.Repositories {
			words = append(append(words, name, r.URL, r.Suite), r.Components...)
			if strings.ContainsAny(r.Key, "\"'$;{}<>#%:") {
				t.Fatalf("the key %q was accepted", r.Key)
			}
		}
		for _, word := range words {
			if strings.HasPrefix(word, "-") || strings.ContainsAny(word, " \t\r\n\"'\\;$&|<>(){}=*?#%") {
				t.Fatalf("%q was accepted", word)
			}
		}
	})
}
