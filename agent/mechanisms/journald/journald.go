// Package journald bounds what systemd's journal keeps, by a drop-in of
// journald.conf(5).
package journald

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Where drop-ins are read from; ours comes after a distribution's.
const (
	DropInDir = "/etc/systemd/journald.conf.d"
	DropIn    = DropInDir + "/90-guestd.conf"
)

// Limits bound the journal; 0 is no bound of ours.
type Limits struct {
	Days uint32
	MiB  uint32
}

// Render is a drop-in; empty without limits. The journal goes file by file,
// so that a bound of days is kept only if a file has no more than one of them.
// The journal may lie on disk or in memory; both are bounded.
func Render(l Limits) string {
	if l == (Limits{}) {
		return ""
	}
	var b strings.Builder
	b.WriteString("# Written by guestd, which undoes changes made here.\n[Journal]\n")
	if l.Days > 0 {
		fmt.Fprintf(&b, "MaxRetentionSec=%dday\nMaxFileSec=1day\n", l.Days)
	}
	if l.MiB > 0 {
		fmt.Fprintf(&b, "SystemMaxUse=%dM\nRuntimeMaxUse=%dM\n", l.MiB, l.MiB)
	}
	return b.String()
}

// Parse reads a drop-in in the form of Render, whatever values stand in it.
func Parse(text string) Limits {
	var l Limits
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		switch key {
		case "MaxRetentionSec":
			l.Days = number(value, "day")
		case "SystemMaxUse":
			l.MiB = number(value, "M")
		}
	}
	return l
}

func number(s, unit string) uint32 {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, unit), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// Restart has journald read its configuration. The streams of services stay
// open meanwhile, systemd holds them.
func Restart(ctx context.Context, m guest.Machine) error {
	c := guest.Command{Path: "systemctl", Args: []string{"restart", "systemd-journald.service"}, Deadline: time.Minute}
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	return guest.Check(c, r)
}
