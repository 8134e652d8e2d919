// Package timesyncd has systemd-timesyncd follow given NTP servers, by a
// drop-in of timesyncd.conf(5), and reads what it tells of them.
package timesyncd

import (
	"context"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

const (
	// Program is there if it is installed; /lib is a link to it on systems that
	// have both.
	Program = "/usr/lib/systemd/systemd-timesyncd"
	// Unit is its service.
	Unit = "systemd-timesyncd.service"
	// DropIn is ours; it comes after a distribution's.
	DropIn = "/etc/systemd/timesyncd.conf.d/90-guestd.conf"
)

// Render is a drop-in; empty without servers. A setting without a value drops
// what other files give. Servers that a network gives by DHCP are asked before
// these all the same (timesyncd.conf(5), NTP=).
func Render(servers []string) string {
	if len(servers) == 0 {
		return ""
	}
	return "# Written by guestd, which undoes changes made here.\n[Time]\nNTP=\nNTP=" + strings.Join(servers, " ") + "\nFallbackNTP=\n"
}

// Parse reads a drop-in in the form of Render.
func Parse(text string) (servers []string) {
	for line := range strings.Lines(text) {
		if list, ok := strings.CutPrefix(strings.TrimSpace(line), "NTP="); ok {
			servers = strings.Fields(list)
		}
	}
	return servers
}

// Status is what timesyncd tells of itself.
type Status struct {
	// Server is the one it follows, empty if none has answered.
	Server string
	// Offset is how far the clock was from the server's, without a sign; Known
	// says that it was compared.
	Offset time.Duration
	Known  bool
}

// ReadStatus asks timedatectl(1), of systemd 239 and later.
func ReadStatus(ctx context.Context, m guest.Machine) (Status, error) {
	out, err := guest.Output(ctx, m, "timedatectl", "timesync-status")
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(string(out)), nil
}

// ParseStatus reads the answer of "timedatectl timesync-status". A server is
// there as soon as it is asked, an offset when it has answered.
func ParseStatus(text string) Status {
	var s Status
	var server string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Server":
			server = value
			if address, name, named := strings.Cut(strings.TrimSuffix(value, ")"), " ("); named && name != "" {
				server = name
			} else {
				server = address
			}
		case "Offset":
			s.Offset, s.Known = span(strings.TrimLeft(value, "+-"))
		}
	}
	if s.Known {
		s.Server = server
	}
	return s
}

// units are those that format_timespan of systemd writes.
var units = map[string]time.Duration{
	"y": 8766 * time.Hour, "month": 730*time.Hour + 30*time.Minute, "w": 7 * 24 * time.Hour, "d": 24 * time.Hour,
	"h": time.Hour, "min": time.Minute, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond,
}

// longest bounds a span; a clock is never farther off than systemd can tell.
const longest = 200 * 8766 * time.Hour

// span reads a time span as systemd writes it, "1min 2.5s".
func span(text string) (time.Duration, bool) {
	words := strings.Fields(text)
	sum := 0.0
	for _, w := range words {
		if w == "0" {
			continue
		}
		word := strings.TrimLeft(w, "0123456789.")
		unit, known := units[word]
		number, err := strconv.ParseFloat(strings.TrimSuffix(w, word), 64)
		if !known || err != nil {
			return 0, false
		}
		sum += number * float64(unit)
	}
	if len(words) == 0 || sum > float64(longest) {
		return 0, false
	}
	return time.Duration(sum), true
}
