// Package apt is Debian's package tools: dpkg's database of what is installed,
// apt-get, and the deb822 files that say where packages come from.
package apt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"innkeeper/agent/guest"
)

// Installed is one package of dpkg's database.
type Installed struct {
	// Name has the architecture after a colon if it is not the machine's own.
	Name string
	// Version is empty if the first installation broke off early.
	Version string
	// Hold says that it is kept as it is.
	Hold bool
	// Broken says that its installation or removal was cut short, or that its
	// script failed.
	Broken bool
}

// database is what is asked of each package (dpkg-query(1)).
const database = `${Package}\t${Architecture}\t${Version}\t${db:Status-Abbrev}\n`

// mostDatabase bounds the answer: some hundred bytes for each of 20,000 packages.
const mostDatabase = 4 << 20

// Query reads what is installed, sorted by name. It takes no lock.
func Query(ctx context.Context, m guest.Machine) ([]Installed, error) {
	c := guest.Command{Path: "dpkg-query", Args: []string{"--show", "--showformat=" + database}, OutputLimit: mostDatabase}
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
	architectures := map[int]string{}
	native := ""
	for line := range strings.Lines(out) {
		words := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(words) != 4 || len(words[3]) < 2 {
			return nil, fmt.Errorf("dpkg-query wrote a line that cannot be read: %q", line)
		}
		p := Installed{Name: words[0], Version: words[2], Hold: words[3][0] == 'h'}
		if p.Name == "dpkg" { // is the machine's own architecture (dpkg(1), --print-architecture)
			native = words[1]
		}
		switch words[3][1] {
		case 'i', 'W', 't': // installed; triggers run with the next package
		case 'n', 'c': // not there, or but its configuration
			continue
		default:
			p.Broken = true
		}
		if strings.HasPrefix(words[3][2:], "R") {
			p.Broken = true
		}
		architectures[len(all)] = words[1]
		all = append(all, p)
	}
	for i := range all {
		if a := architectures[i]; a != "all" && a != native {
			all[i].Name += ":" + a
		}
	}
	slices.SortFunc(all, func(a, b Installed) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
