// Package resolvconf reads and writes /etc/resolv.conf on systems where no
// program of the system's own keeps it.
package resolvconf

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"innkeeper/agent/guest"
)

// Path is where resolv.conf(5) says that the file is.
const Path = "/etc/resolv.conf"

// Servers is where names are looked up.
type Servers struct {
	// Addresses are the name servers, the first asked first.
	Addresses []string
	// Search are the domains for names without a dot.
	Search []string
}

// Read reads the file at path; without one there are no servers.
func Read(m guest.Machine, path string) (Servers, error) {
	b, err := m.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Servers{}, nil
	}
	if err != nil {
		return Servers{}, err
	}
	return Parse(string(b)), nil
}

// Parse reads the text of such a file. As in resolv.conf(5), of several search
// or domain lines the last counts.
func Parse(text string) Servers {
	var s Servers
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			s.Addresses = append(s.Addresses, words[1])
		case "search":
			s.Search = slices.Clone(words[1:])
		case "domain":
			s.Search = []string{words[1]}
		}
	}
	return s
}

// Set puts the servers in the place of those in the text, if there are any in
// s, and likewise the search domains. Other lines (options, sortlist,
// comments) stay.
func (s Servers) Set(text string) string {
	var kept, out strings.Builder
	is := Parse(text)
	if len(s.Addresses) == 0 {
		s.Addresses = is.Addresses
	}
	if len(s.Search) == 0 {
		s.Search = is.Search
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 0 && (words[0] == "nameserver" || words[0] == "search" || words[0] == "domain") {
			continue
		}
		kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	out.WriteString(kept.String())
	if len(s.Search) > 0 {
		out.WriteString("search " + strings.Join(s.Search, " ") + "\n")
	}
	for _, a := range s.Addresses {
		out.WriteString("nameserver " + a + "\n")
	}
	return out.String()
}
