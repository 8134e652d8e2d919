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

// cut takes text apart at the first begin and the first end after it. A region
// that does not end is taken to end where its first line does: what follows
// may be somebody's.
func cut(text string) (before, lines, after string) {
	at := strings.Index("\n"+text, "\n"+begin+"\n")
	if at < 0 {
		return text, "", ""
	}
	before, rest := text[:at], text[at+len(begin)+1:]
	stop := strings.Index("\n"+rest, "\n"+end)
	if stop < 0 {
		return before, "", rest
	}
	after = strings.TrimPrefix(rest[stop+len(end):], "\n")
	return before, rest[:stop], after
}
