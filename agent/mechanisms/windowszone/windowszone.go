// Package windowszone tells Windows' names of time zones from IANA's and back,
// by Unicode's table (zones.txt). It is for a plugin's process: nothing of it is
// in memory until it is asked.
package windowszone

import (
	_ "embed"
	"strings"
)

//go:embed zones.txt
var table string

// Of is Windows' name of a zone of IANA's database. Many share one.
func Of(iana string) (windows string, ok bool) {
	for name, zones := range all {
		for zone := range strings.SplitSeq(zones, " ") {
			if zone == iana {
				return name, true
			}
		}
	}
	return "", false
}

// IANA is the usual one of the zones that a zone of Windows stands for.
func IANA(windows string) (iana string, ok bool) {
	for name, zones := range all {
		if name == windows {
			usual, _, _ := strings.Cut(zones, " ")
			return usual, true
		}
	}
	return "", false
}

// all goes through the table's lines: Windows' name, and IANA's with blanks
// between them.
func all(yield func(name, zones string) bool) {
	for line := range strings.Lines(table) {
		name, zones, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && !yield(name, zones) {
			return
		}
	}
}
