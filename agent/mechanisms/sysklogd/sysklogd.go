// Package sysklogd has the syslogd of sysklogd 1.x send records to other
// machines. It knows UDP on port 514 and the format of RFC 3164 only, and has
// no check of its configuration (syslog.conf(5) of sysklogd 1.4).
package sysklogd

import (
	"fmt"
	"strings"
)

// ConfigFile is syslogd's configuration.
const ConfigFile = "/etc/syslog.conf"

// Port is the only one that records are sent to.
const Port = 514

// Target is one machine that records are sent to.
type Target struct {
	Host string
	// Selector says which records, in the form of syslog.conf(5).
	Selector string
}

// Render is lines for the end of ConfigFile. Selector and action have tabs
// between them, the oldest versions know no other.
func Render(targets []Target) string {
	var b strings.Builder
	for _, t := range targets {
		fmt.Fprintf(&b, "%s\t@%s\n", t.Selector, t.Host)
	}
	return b.String()
}

// Parse reads lines in the form of Render; others are passed over.
func Parse(text string) []Target {
	var targets []Target
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 2 && !strings.HasPrefix(fields[0], "#") && strings.HasPrefix(fields[1], "@") && len(fields[1]) > 1 {
			targets = append(targets, Target{Selector: fields[0], Host: fields[1][1:]})
		}
	}
	return targets
}
