// Package osrelease reads os-release(5), in which a Linux distribution (and
// FreeBSD since 13) says what it is.
package osrelease

import (
	"errors"
	"io/fs"
	"strings"

	"innkeeper/agent/guest"
)

// Release holds the fields of an os-release file.
type Release map[string]string

// ID is the distribution's lower-case name, "ubuntu".
func (r Release) ID() string { return r["ID"] }

// Version is VERSION_ID, "24.04".
func (r Release) Version() string { return r["VERSION_ID"] }

// Like reports whether the distribution says that it is made from id.
func (r Release) Like(id string) bool {
	for _, like := range strings.Fields(r["ID_LIKE"]) {
		if like == id {
			return true
		}
	}
	return false
}

// Title is the name for people, "Debian GNU/Linux 13 (trixie)".
func (r Release) Title() string {
	for _, key := range []string{"PRETTY_NAME", "NAME", "ID"} {
		if r[key] != "" {
			return r[key]
		}
	}
	return ""
}

// Read reads the machine's file at the first of the two places where
// os-release(5) has it.
func Read(m guest.Machine) (Release, error) {
	b, err := m.ReadFile("/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		b, err = m.ReadFile("/usr/lib/os-release")
	}
	if err != nil {
		return nil, err
	}
	return Parse(b), nil
}

// Parse reads the text of an os-release file. Lines that are no assignment are
// passed over, as os-release(5) asks of readers.
func Parse(b []byte) Release {
	r := Release{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.HasPrefix(key, "#") || strings.ContainsAny(key, " \t\"'") {
			continue
		}
		r[key] = unquote(value)
	}
	return r
}

// unquote undoes the shell's quoting of one word.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	inner := s[1 : len(s)-1]
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) && strings.IndexByte("\"\\$`", inner[i+1]) >= 0 {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}
