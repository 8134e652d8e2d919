// Package rpm is rpm: its database of what is installed, the keys it trusts,
// and what it alone can take away. What has to be fetched is dnf's work.
package rpm

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Installed is one package of rpm's database.
type Installed struct {
	Name, Arch string
	// Version is VERSION-RELEASE, with EPOCH: before it if that is not 0.
	Version string
	// At is when it was installed, in seconds since 1970.
	At int64
}

// String is the package as rpm and dnf take it for one alone.
func (p Installed) String() string { return p.Name + "-" + p.Version + "." + p.Arch }

// keyPackage is what rpm's database calls each key that is trusted.
const keyPackage = "gpg-pubkey"

// fields are asked of each package (rpm(8), "QUERY OPTIONS"; rpm --querytags).
const fields = `%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{INSTALLTIME}\n`

// mostDatabase bounds the answer: a hundred bytes for each of 20,000 packages.
const mostDatabase = 4 << 20

// Query reads what is installed, without the keys. It takes no lock.
func Query(ctx context.Context, m guest.Machine) ([]Installed, error) {
	c := guest.Command{Path: "rpm", Args: []string{"--query", "--all", "--queryformat", fields}, OutputLimit: mostDatabase}
	r, err := m.Run(ctx, c)
	if err == nil {
		err = guest.Check(c, r)
	}
	if err != nil {
		return nil, err
	}
	if r.Truncated {
		return nil, fmt.Errorf("command %s wrote more than %d bytes", c.Path, mostDatabase)
	}
	return parse(string(r.Stdout))
}

func parse(out string) ([]Installed, error) {
	var all []Installed
	for line := range strings.Lines(out) {
		words := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(words) != 6 || words[0] == "" {
			return nil, fmt.Errorf("rpm wrote a line that cannot be read: %q", line)
		}
		if words[0] == keyPackage {
			continue
		}
		at, err := strconv.ParseInt(words[5], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("rpm wrote a time that cannot be read: %q", line)
		}
		p := Installed{Name: words[0], Version: words[2] + "-" + words[3], Arch: words[4], At: at}
		if words[1] != "0" {
			p.Version = words[1] + ":" + p.Version
		}
		all = append(all, p)
	}
	return all, nil
}

// Parallel are the names of those installed packages that may be there in more
// than one version (dnf.conf(5), installonlypkgs).
func Parallel(ctx context.Context, m guest.Machine) ([]string, error) {
	r, err := m.Run(ctx, guest.Command{Path: "rpm", Args: []string{
		"--query", "--queryformat", `%{NAME}\n`, "--whatprovides", "kernel", "kernel-PAE",
		"installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)", "multiversion(kernel)",
	}})
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(r.Stdout)) {
		// "no package provides kernel-PAE" is among the names, and the status is not 0 then.
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, " ") {
			names = append(names, line)
		}
	}
	return names, nil
}

// Files are the paths of all that is in packages which are files themselves. One
// that cannot be read, such as one that was fetched in part, has none.
func Files(ctx context.Context, m guest.Machine, packages []string) ([]string, error) {
	c := guest.Command{
		Path: "rpm", Args: append([]string{"--query", "--list", "--nosignature", "--package", "--"}, packages...),
		Deadline: deadline, OutputLimit: mostFiles,
	}
	r, err := m.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(r.Stdout)) {
		if path := strings.TrimRight(line, "\n"); strings.HasPrefix(path, "/") { // not "(contains no files)"
			all = append(all, path)
		}
	}
	return all, nil
}

// mostFiles bounds the paths of the files in a transaction.
const mostFiles = 16 << 20

// LockError says that somebody else has rpm's database.
type LockError struct{ Message string }

// Error implements error.
func (e *LockError) Error() string { return e.Message }

// Locked says whether rpm, or dnf with rpm in it, wrote that somebody else has
// the database. It waits for nobody unless it is at a terminal.
func Locked(text string) bool { return strings.Contains(text, "can't create transaction lock") }

var needed = regexp.MustCompile(`(?m)is needed by \(installed\) (\S+)-[^-\s]+-[^-\s]+$`)

// Needing are the installed packages without which these cannot be removed.
// Nothing is done.
func Needing(ctx context.Context, m guest.Machine, names []string) ([]string, error) {
	c := guest.Command{Path: "rpm", Args: append([]string{"--erase", "--test", "--allmatches", "--"}, names...), Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return nil, err
	}
	if Locked(string(r.Stderr)) {
		return nil, &LockError{strings.TrimSpace(string(r.Stderr))}
	}
	var all []string
	for _, found := range needed.FindAllStringSubmatch(string(r.Stderr), -1) {
		all = append(all, found[1])
	}
	if len(all) == 0 {
		return nil, guest.Check(c, r)
	}
	return all, nil
}

// deadline is how long the scripts of a package may take.
const deadline = 10 * time.Minute

// Erase takes these packages away, whoever needs them: it is for one of two
// versions that should not be there beside each other.
func Erase(ctx context.Context, m guest.Machine, packages []string) error {
	return run(ctx, m, guest.Command{Path: "rpm", Args: append([]string{"--erase", "--nodeps", "--"}, packages...), Deadline: deadline})
}

func run(ctx context.Context, m guest.Machine, c guest.Command) error {
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	if r.ExitCode != 0 && Locked(string(r.Stderr)) {
		return &LockError{strings.TrimSpace(string(r.Stderr))}
	}
	return guest.Check(c, r)
}
