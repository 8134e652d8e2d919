// Package linediff shows how a text changes, for people who judge a plan.
package linediff

import "strings"

// around is how many unchanged lines are shown on either side.
const around = 2

// Text is the change from one text to the other, a line with "-" or "+" for
// each that goes or comes, and a few with " " around them; empty if there is
// none. Changes far apart are shown as one.
func Text(from, to string) string {
	if from == to {
		return ""
	}
	a, b := lines(from), lines(to)
	begin := 0
	for begin < len(a) && begin < len(b) && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < len(a)-begin && end < len(b)-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var out strings.Builder
	put := func(sign string, from []string) {
		for _, line := range from {
			out.WriteString(sign + line + "\n")
		}
	}
	put(" ", a[max(0, begin-around):begin])
	put("-", a[begin:len(a)-end])
	put("+", b[begin:len(b)-end])
	put(" ", a[len(a)-end:min(len(a), len(a)-end+around)])
	return out.String()
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	whole := strings.HasSuffix(s, "\n")
	l := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if !whole {
		l[len(l)-1] += " (no newline at the end)"
	}
	return l
}
