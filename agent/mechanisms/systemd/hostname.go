// Package systemd uses the tools of systemd.
package systemd

import (
	"context"
	"strings"

	"innkeeper/agent/guest"
)

// HostnameFile holds the static host name, hostname(5).
const HostnameFile = "/etc/hostname"

// ParseHostname is the name in the text of a hostname file: the first line
// that is neither blank nor a comment, hostname(5).
func ParseHostname(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' {
			return line
		}
	}
	return ""
}

// SetStaticHostname has hostnamed write the static name and give it to the
// kernel. An empty name removes the file. The pretty name stays as it is, which
// it would not without --static. (set-hostname is the verb of every release;
// hostname came with systemd 249.)
func SetStaticHostname(ctx context.Context, m guest.Machine, name string) error {
	_, err := guest.Output(ctx, m, "hostnamectl", "--no-ask-password", "--static", "set-hostname", name)
	return err
}
