// Package ifcfg is what ifup(8) and ifdown(8) of Red Hat's initscripts do with
// an interface's file in /etc/sysconfig/network-scripts: the heart of the
// doubles of both.
//
// It follows doc/sysconfig.txt and the scripts ifup, ifdown, ifup-eth and
// ifdown-eth of fedora-sysv/initscripts: usage, messages, exit statuses and
// the order of the steps. Of the kinds of interfaces it has plain ones, VLANs
// and the loopback, with further addresses and static routes; a file that asks
// for another is refused.
package ifcfg

import (
	"fmt"
	"strings"
)

// Config are the assignments of a file.
type Config map[string]string

// Parse reads the shell assignments of a file. The scripts source the file, so
// that anything a shell knows may stand in it; here a line is an assignment, a
// comment, or refused.
func Parse(text string) (Config, error) {
	c := Config{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok || !isName(key) {
			return nil, fmt.Errorf("line %d: %q is not an assignment", n, line)
		}
		value, err := unquote(rest)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c[key] = value
	}
	return c, nil
}

func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// unquote reads one word of the shell: bare, quoted, or both, perhaps with a
// comment behind it.
func unquote(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t':
			rest := strings.TrimSpace(s[i:])
			if rest == "" || rest[0] == '#' {
				return b.String(), nil
			}
			return "", fmt.Errorf("%q is more than one word", s)
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("%s: a quote is open", s)
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return "", fmt.Errorf("%s: a quote is open", s)
			}
			part := s[i+1 : i+1+end]
			if strings.ContainsAny(part, "$`\\") {
				return "", fmt.Errorf("%s: only plain text is known here", s)
			}
			b.WriteString(part)
			i += end + 1
		case '$', '`', '\\', ';', '&', '|', '<', '>', '(', ')':
			return "", fmt.Errorf("%s: only plain text is known here", s)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// dynamic says whether the address comes by DHCP.
func (c Config) dynamic() bool {
	return c["BOOTPROTO"] == "dhcp" || c["BOOTPROTO"] == "bootp" || c["BOOTP"] == "yes"
}
