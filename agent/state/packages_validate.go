package state

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// The bounds of the section packages.
const (
	// MaxPackages is how many packages may be named.
	MaxPackages = 4096
	// MaxRepositories is how many repositories there may be.
	MaxRepositories  = 64
	maxPackageWord   = 128
	maxRepositoryURL = 1024
	maxRepositoryKey = 64 << 10
	maxComponents    = 16
)

// Validate says all that is wrong with the section, as an *InvalidError, or
// nil. What a system cannot do is for its driver to say.
func (p Packages) Validate() error {
	ps := &problems{}
	if len(p.Wanted) > MaxPackages {
		ps.add("packages.wanted", "has %d packages; at most %d are allowed", len(p.Wanted), MaxPackages)
	}
	for _, name := range sortedKeys(p.Wanted) {
		if problem := packageWordProblem(name, "+._-"); problem != "" {
			ps.add("packages.wanted", "%s as a package's name", problem)
			continue
		}
		p.Wanted[name].validate(under("packages.wanted", name), ps)
	}
	if len(p.Repositories) > MaxRepositories {
		ps.add("packages.repositories", "has %d repositories; at most %d are allowed", len(p.Repositories), MaxRepositories)
	}
	for _, name := range sortedKeys(p.Repositories) {
		if !sectionName(name) {
			ps.add("packages.repositories", "%s is not a repository's name: it needs 1 to 63 lower case letters, digits and inner hyphens, a letter first", quoted(name))
			continue
		}
		p.Repositories[name].validate(under("packages.repositories", name), ps)
	}
	return ps.err()
}

func (p Package) validate(path string, ps *problems) {
	switch p.State {
	case PackagePresent, PackageNewest, PackageAbsent:
	case "":
		ps.add(path+".state", "is missing; it is present, newest or absent")
	default:
		ps.add(path+".state", "%s is not present, newest or absent", quoted(p.State))
	}
	if p.Version != "" {
		if problem := packageWordProblem(p.Version, "+._-~:^"); problem != "" {
			ps.add(path+".version", "%s as a version", problem)
		}
		if p.State == PackageNewest || p.State == PackageAbsent {
			ps.add(path+".version", "is for the state present only")
		}
	}
	if p.Hold && p.State == PackageAbsent {
		ps.add(path+".hold", "is not for a package that is absent")
	}
}

// packageWordProblem says why s cannot be the name or the version of a package
// of any system, beside letters and digits with the given marks in it, or
// nothing. A letter or digit comes first, so that it is never taken for an option.
func packageWordProblem(s, marks string) string {
	switch {
	case s == "":
		return `"" is not allowed`
	case len(s) > maxPackageWord:
		return quoted(s) + " is too long"
	case !letterOrDigit(rune(s[0])):
		return quoted(s) + " does not begin with a letter or digit, which is not allowed"
	}
	for _, c := range s {
		if !letterOrDigit(c) && !strings.ContainsRune(marks, c) {
			return quoted(s) + " has " + quoted(string(c)) + " in it, which is not allowed"
		}
	}
	return ""
}

func (r Repository) validate(path string, ps *problems) {
	if problem := repositoryURLProblem(r.URL); problem != "" {
		ps.add(path+".url", "%s", problem)
	}
	if r.Suite != "" {
		if problem := packageWordProblem(strings.TrimPrefix(r.Suite, "./"), "+._-/"); problem != "" && r.Suite != "./" {
			ps.add(path+".suite", "%s as a suite", problem)
		}
	}
	if len(r.Components) > maxComponents {
		ps.add(path+".components", "has %d components; at most %d are allowed", len(r.Components), maxComponents)
	}
	for i, c := range r.Components {
		if problem := packageWordProblem(c, "+._-/"); problem != "" {
			ps.add(at(path+".components", i), "%s as a component", problem)
		}
	}
	if problem := publicKeyProblem(r.Key); problem != "" {
		ps.add(path+".key", "%s", problem)
	}
}

// repositoryURLProblem says why s is not where a repository begins, or nothing.
// It has no characters that end a word in a package manager's configuration.
func repositoryURLProblem(s string) string {
	if s == "" {
		return "is missing"
	}
	if len(s) > maxRepositoryURL {
		return quoted(s) + " is too long"
	}
	for _, c := range s {
		if !letterOrDigit(c) && !strings.ContainsRune("/:.-_~+[]", c) {
			return quoted(s) + " has " + quoted(string(c)) + " in it, which is not allowed in a repository's URL"
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return quoted(s) + " is not a URL of http or https"
	}
	if problem := hostProblem(u.Hostname()); u.Hostname() == "" || problem != "" {
		return quoted(s) + " does not name a host"
	}
	if strings.ContainsAny(u.Path, "[]") {
		return quoted(s) + " has a bracket in its path"
	}
	return ""
}

// The lines about an armored public key (RFC 9580 section 6.2).
const (
	armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	armorEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
)

// publicKeyProblem says why s is not one or more armored public keys, or
// nothing. Headers in the armor are refused: nobody needs them, and they would
// stand as free text in a package manager's configuration.
func publicKeyProblem(s string) string {
	if s == "" {
		return "is missing; without a key nothing from the repository can be trusted"
	}
	if len(s) > maxRepositoryKey {
		return "is longer than 64 KiB"
	}
	rest := strings.TrimSpace(s)
	for rest != "" {
		inner, found := strings.CutPrefix(rest, armorBegin)
		body, after, ended := strings.Cut(inner, armorEnd)
		if !found || !ended {
			return "is not an armored OpenPGP public key; it begins with " + armorBegin + " and ends with " + armorEnd
		}
		if !armored(body) {
			return "has an armored OpenPGP public key that cannot be read; export it anew without comments or a version"
		}
		rest = strings.TrimSpace(after)
	}
	return ""
}

// armored says whether the text between the lines of an armor is base64 with,
// at most, a checksum after it.
func armored(body string) bool {
	lines := strings.Fields(body)
	if n := len(lines); n > 1 && len(lines[n-1]) == 5 && lines[n-1][0] == '=' {
		if _, err := base64.StdEncoding.DecodeString(lines[n-1][1:]); err != nil {
			return false
		}
		lines = lines[:n-1]
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(lines, ""))
	// The first packet is a public key: tag 6 in either form of a header
	// (RFC 9580 section 4.2).
	return err == nil && len(b) > 2 && (b[0] == 0xC6 || b[0]&0xFC == 0x98)
}
