// Package selector writes and reads the selectors of syslog.conf(5), which
// syslogd, sysklogd and rsyslog have in common: "auth,authpriv.info" is all
// records of two facilities that are at least as severe as info.
package selector

import (
	"slices"
	"strings"
)

// all is a severity, or a list of facilities, that leaves nothing out.
const all = "*"

// least is the severity that nothing is less severe than.
const least = "debug"

// Format is the selector of some facilities, none for all of them, and the
// least severe severity.
func Format(facilities []string, severity string) string {
	left, right := all, severity
	if len(facilities) > 0 {
		left = strings.Join(facilities, ",")
	}
	if severity == least || severity == "" {
		right = all
	}
	return left + "." + right
}

// Parse reads what Format wrote; ok is false for other selectors. No
// facilities means all, and all severities are empty.
func Parse(s string) (facilities []string, severity string, ok bool) {
	left, right, found := strings.Cut(s, ".")
	if !found || left == "" || right == "" || strings.ContainsAny(right, ".;,!= \t") {
		return nil, "", false
	}
	if left != all {
		facilities = strings.Split(left, ",")
		if slices.ContainsFunc(facilities, func(f string) bool { return f == "" || strings.ContainsAny(f, "*;! \t") }) {
			return nil, "", false
		}
	}
	if right != all {
		severity = right
	}
	return facilities, severity, true
}
