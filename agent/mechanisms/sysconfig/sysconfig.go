// Package sysconfig reads and edits the shell assignments in files such as
// /etc/sysconfig/network of Red Hat's initscripts, line by line, so that every
// other line stays as it is.
package sysconfig

import "strings"

const (
	// NetworkFile holds HOSTNAME, GATEWAY and GATEWAYDEV.
	NetworkFile = "/etc/sysconfig/network"
	// ClockFile holds ZONE, and in UTC whether the hardware's clock shows UTC.
	ClockFile = "/etc/sysconfig/clock"
)

// Get is the last value given to key, and whether there is one.
func Get(text, key string) (string, bool) {
	value, found := "", false
	for line := range strings.Lines(text) {
		if v, ok := assignment(line, key); ok {
			value, found = v, true
		}
	}
	return value, found
}

// Set gives key a value, in the place of the first line that has one (further
// ones go, a shell would let the last win) or at the end. The value must be
// free of what a shell would expand.
func Set(text, key, value string) string {
	var b strings.Builder
	done := false
	for line := range strings.Lines(text) {
		if _, ok := assignment(line, key); !ok {
			b.WriteString(line)
			continue
		}
		if !done {
			b.WriteString(key + "=" + value + "\n")
			done = true
		}
	}
	if !done {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteString("\n")
		}
		b.WriteString(key + "=" + value + "\n")
	}
	return b.String()
}

// assignment is the value of a line "KEY=value", quoted or not, perhaps with a
// comment behind it.
func assignment(line, key string) (string, bool) {
	line = strings.TrimSpace(line)
	line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
	name, value, ok := strings.Cut(line, "=")
	if !ok || name != key {
		return "", false
	}
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
			return value[1 : end+1], true
		}
	}
	if i := strings.IndexAny(value, " \t;#"); i >= 0 {
		value = value[:i]
	}
	return value, true
}

// Remove takes every line away that gives key a value.
func Remove(text, key string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if _, ok := assignment(line, key); !ok {
			b.WriteString(line)
		}
	}
	return b.String()
}
