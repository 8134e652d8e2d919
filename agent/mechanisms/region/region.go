// Package region keeps lines of ours between two marks at the end of a text
// file that belongs to somebody else, and leaves all other lines as they are.
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

// cut takes text apart at the first end that has a begin before it, and at the
// nearest such begin. A region that does not end is its first line alone: what
// follows may be somebody's.
func cut(text string) (before, lines, after string) {
	begun, next := -1, 0 // where the begin starts, and where what follows it does
	from := 0
	for line := range strings.Lines(text) {
		to := from + len(line)
		switch strings.TrimSuffix(line, "\n") {
		case begin:
			begun, next = from, to
		case end:
			if begun >= 0 {
				return text[:begun], text[next:from], text[to:]
			}
		}
		from = to
	}
	if begun < 0 {
		return text, "", ""
	}
	return text[:begun], "", text[next:]
}
