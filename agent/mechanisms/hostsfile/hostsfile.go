// Package hostsfile edits the machine's own entry in a hosts(5) file, in a
// marked region, and leaves every other entry to who wrote it.
package hostsfile

import "strings"

// Path is the hosts file of every Unix system.
const Path = "/etc/hosts"

// The marks of the region.
const (
	begin = "# BEGIN guestd: this machine's own name"
	end   = "# END guestd"
)

// ownAddress is Debian's place for the name of a machine that may have no
// address that lasts: 127.0.0.1 is localhost's (Debian policy's "hostname
// resolution"; anything of 127/8 answers on Linux).
const ownAddress = "127.0.1.1"

// Set returns text with this machine's entry, and nothing else changed but
// this: lines for 127.0.1.1 go, because they are the entry of an earlier name;
// and the region stands before every line with one of the two names, so that
// the resolver, which takes the first, gives fqdn as the canonical name.
func Set(text, fqdn, name string) string {
	entry := ownAddress + " " + fqdn
	if name != fqdn {
		entry += " " + name
	}
	var lines []string
	at, localhost := -1, -1 // where the region goes, and where without a better place
	place := func() {
		if at < 0 {
			at = len(lines)
		}
	}
	rest := split(text)
	for i := 0; i < len(rest); i++ {
		if n := region(rest[i:]); n > 0 {
			place()
			i += n - 1
			continue
		}
		address, names := fields(rest[i])
		if address == ownAddress {
			place()
			continue
		}
		if has(names, fqdn) || has(names, name) {
			place()
		}
		lines = append(lines, rest[i])
		if has(names, "localhost") {
			localhost = len(lines)
		}
	}
	if at < 0 && localhost >= 0 {
		at = localhost
	}
	place()
	lines = append(lines[:at:at], append([]string{begin, entry, end}, lines[at:]...)...)
	return strings.Join(lines, "\n") + "\n"
}

// region is how many lines the marked region at the beginning of lines has, 0
// if none begins there. One without an end is none, or the rest of the file
// would go; one that holds anything but an entry of ours is somebody's.
func region(lines []string) int {
	if strings.TrimSpace(lines[0]) != begin {
		return 0
	}
	n := 1
	if n < len(lines) {
		if address, _ := fields(lines[n]); address == ownAddress {
			n++
		}
	}
	if n < len(lines) && strings.TrimSpace(lines[n]) == end {
		return n + 1
	}
	return 0
}

func split(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// fields are the address and the names of a line.
func fields(line string) (string, []string) {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) < 2 {
		return "", nil
	}
	return words[0], words[1:]
}

func has(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// Canonical is the first name of the first line that has name in it, which is
// what the resolver gives as the machine's full name; empty if there is none.
func Canonical(text, name string) string {
	for _, line := range split(text) {
		if _, names := fields(line); has(names, name) {
			return names[0]
		}
	}
	return ""
}
