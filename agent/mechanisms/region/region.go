// Package region keeps lines of ours between two marks at the end of a text
// file that belongs to somebody else, and comments out those of its lines that
// ours replace.
package region

import "strings"

const (
	begin = "# guestd begins here; what is between its two lines is written by it"
	end   = "# guestd ends here"
)

// Set puts lines into text's region, at the end of the text where there is
// none yet. Empty lines take the region away.
func Set(text, lines string) string {
	before, _, after := cut(text)
	if lines == "" {
		return before + after
	}
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return before + begin + "\n" + strings.TrimSuffix(lines, "\n") + "\n" + end + "\n" + after
}

// Get is what is in text's region, or empty.
func Get(text string) string {
	_, lines, _ := cut(text)
	return lines
}

// off begins a line that was switched off.
const off = "#guestd# "

// SwitchOff comments out the lines that match, given as their words of which
// there is at least one, while on is set. What an earlier call switched off is
// as it was before where it no longer is to be.
func SwitchOff(text string, on bool, match func(words []string) bool) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for strings.HasPrefix(line, off) {
			line = strings.TrimPrefix(line, off)
		}
		if words := strings.Fields(line); on && len(words) > 0 && match(words) {
			line = off + line
		}
		b.WriteString(line)
	}
	return b.String()
}

// cut takes text apart at its first region. Of a region that does not end only
// the first line is ours: what follows may be somebody's. Such lines and further
// regions are in neither part.
func cut(text string) (before, lines, after string) {
	var kept, region strings.Builder
	found, open := false, false
	for line := range strings.Lines(text) {
		switch mark := strings.TrimSuffix(line, "\n"); {
		case mark == begin:
			kept.WriteString(region.String())
			region.Reset()
			open = true
		case mark == end && open:
			if !found {
				before, lines, found = kept.String(), region.String(), true
				kept.Reset()
			}
			region.Reset()
			open = false
		case open:
			region.WriteString(line)
		default:
			kept.WriteString(line)
		}
	}
	kept.WriteString(region.String())
	if !found {
		return kept.String(), "", ""
	}
	return before, lines, kept.String()
}
