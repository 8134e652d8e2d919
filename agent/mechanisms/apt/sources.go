package apt

import (
	"fmt"
	"strings"
)

// Sources is the agent's own list of repositories (sources.list(5), "DEB822-STYLE
// FORMAT"). The key stands in it, so that one file is all there is to a
// repository; apt reads such from 2.3.10 (its changelog).
const Sources = "/etc/apt/sources.list.d/guestd.sources"

// Repository is one entry of Sources.
type Repository struct {
	Name, URL, Suite string
	Components       []string
	// Key is armored.
	Key string
}

const sourcesHead = "# Written by guestd; what is changed here is lost.\n"

// RenderSources is the text of Sources, empty without repositories.
func RenderSources(repositories []Repository) string {
	if len(repositories) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(sourcesHead)
	for _, r := range repositories {
		fmt.Fprintf(&b, "\nX-Guestd-Name: %s\nTypes: deb\nURIs: %s\nSuites: %s\n", r.Name, r.URL, r.Suite)
		if len(r.Components) > 0 {
			fmt.Fprintf(&b, "Components: %s\n", strings.Join(r.Components, " "))
		}
		b.WriteString("Signed-By:\n")
		for line := range strings.Lines(strings.TrimSpace(r.Key)) {
			if line = strings.TrimSpace(line); line == "" {
				line = "." // as deb822(5) has an empty line
			}
			b.WriteString(" " + line + "\n")
		}
	}
	return b.String()
}

// ParseSources reads what RenderSources wrote; other lines are passed over.
func ParseSources(text string) []Repository {
	var all []Repository
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		if field == "X-Guestd-Name" {
			all = append(all, Repository{Name: value})
		}
		if len(all) == 0 {
			continue
		}
		r := &all[len(all)-1]
		switch {
		case strings.HasPrefix(line, " "):
			if line = line[1:]; line == "." {
				line = ""
			}
			r.Key += line + "\n"
		case field == "URIs":
			r.URL = value
		case field == "Suites":
			r.Suite = value
		case field == "Components":
			r.Components = strings.Fields(value)
		}
	}
	return all
}
