package dnf

import (
	"slices"
	"strings"
)

// Conf is dnf's configuration, whose option excludepkgs keeps packages from
// being installed, upgraded, downgraded or removed (dnf.conf(5)). It is what
// holds a package on every CentOS with dnf: the plugin versionlock is not
// installed with it.
const Conf = "/etc/dnf/dnf.conf"

// option is the name of the option, and alias another for it.
const (
	option = "excludepkgs"
	alias  = "exclude"
)

// excluding are the lines of a configuration that belong to the option.
type excluding struct {
	lines []string
	// of maps the number of such a line to what stands before its words.
	of map[int]string
	// last is the option's last line of its own name, end where a line of the
	// section main could be put; -1 if there is none.
	last, end int
}

// readExcluding finds the lines. One that begins with a blank goes on with the
// option before it.
func readExcluding(text string) excluding {
	e := excluding{lines: slices.Collect(strings.Lines(text)), of: map[int]string{}, last: -1, end: -1}
	var main, on bool
	for i, line := range e.lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case trimmed[0] == '[':
			main, on = trimmed == "[main]", false
		case line[0] == ' ' || line[0] == '\t':
			if on {
				e.of[i] = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			}
		default:
			name, _, found := strings.Cut(line, "=")
			name = strings.TrimSpace(name)
			if on = main && found && (name == option || name == alias); on {
				e.of[i] = line[:strings.Index(line, "=")+1]
				if name == option {
					e.last = i
				}
			}
		}
		if main {
			e.end = i + 1
		}
	}
	return e
}

func (e excluding) words(i int) []string {
	return strings.FieldsFunc(strings.TrimPrefix(e.lines[i], e.of[i]), func(c rune) bool { return strings.ContainsRune(" ,\t\r\n", c) })
}

// Excluded are the packages that a configuration excludes, as they stand there.
func Excluded(text string) []string {
	e := readExcluding(text)
	var all []string
	for i := range e.lines {
		if _, ok := e.of[i]; ok {
			all = append(all, e.words(i)...)
		}
	}
	return all
}

// Exclude is a configuration with some packages excluded and others not. What
// others excluded by a pattern stays, and so do all other lines.
func Exclude(text string, add, remove []string) string {
	e := readExcluding(text)
	there := Excluded(text)
	add = slices.DeleteFunc(slices.Clone(add), func(w string) bool { return slices.Contains(there, w) })
	slices.Sort(add)
	var b strings.Builder
	line := option + "=" + strings.Join(add, " ") + "\n"
	for i, before := range e.lines {
		b.WriteString(e.changed(i, before, add, remove))
		if i+1 == e.end && e.last < 0 && len(add) > 0 {
			b.WriteString(ended(before) + line)
		}
	}
	if e.end < 0 && len(add) > 0 { // there is no section main
		b.WriteString(ended(text) + "[main]\n" + line)
	}
	return b.String()
}

// ended is the end of a line if a text that is not empty lacks one.
func ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return ""
	}
	return "\n"
}

// changed is a line without the words that go, and with those that come if it
// is the last of the option's. It is left as it is if none do.
func (e excluding) changed(i int, line string, add, remove []string) string {
	before, ok := e.of[i]
	if !ok {
		return line
	}
	words := e.words(i)
	stay := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(remove, w) })
	if i == e.last {
		stay = append(stay, add...)
	}
	next, more := e.of[i+1]
	continued := strings.HasSuffix(before, "=") && more && !strings.HasSuffix(next, "=")
	switch {
	case slices.Equal(words, stay):
		return line
	case len(stay) == 0 && !continued:
		return ""
	}
	return before + strings.Join(stay, " ") + "\n"
}
