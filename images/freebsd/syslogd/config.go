package syslogd

import (
	"fmt"
	"net"
	"os"
	"path"
	"slices"
	"strings"
)

// The names of syslog.conf(5) by their numbers. FreeBSD's own ntp, security
// and console lie between ftp and local0.
var (
	facilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "security", "console", "",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// none is a severity that lets nothing pass.
const none = -1

// rule is one line: the least severity for each facility, and where to.
type rule struct {
	least [24]int
	// file or remote is set.
	file, remote string
}

func (r rule) takes(facility, severity int) bool { return severity <= r.least[facility] }

// load reads a configuration and what it includes.
func load(root, file string) ([]rule, error) {
	data, err := os.ReadFile(root + file)
	if err != nil {
		return nil, err
	}
	var rules []rule
	for number, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s line %d: %s", file, number+1, fmt.Sprintf(format, args...))
		}
		fields := strings.Fields(line)
		switch {
		case line == "" || line[0] == '#':
		case line == "!*":
		case line[0] == '!' || line[0] == '+' || line[0] == '-' || line[0] == ':':
			return nil, fail("lookalike: %q is not built", line)
		case len(fields) != 2:
			return nil, fail("%q has no selector and action", line)
		case fields[0] == "include":
			entries, err := os.ReadDir(root + fields[1])
			if err != nil {
				return nil, fail("%v", err)
			}
			for _, e := range entries {
				if !strings.HasSuffix(e.Name(), ".conf") || strings.HasPrefix(e.Name(), ".") {
					continue
				}
				more, err := load(root, path.Join(fields[1], e.Name()))
				if err != nil {
					return nil, err
				}
				rules = append(rules, more...)
			}
		default:
			r, err := parseRule(fields[0], fields[1])
			if err != nil {
				return nil, fail("%v", err)
			}
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// parseRule reads a selector ("auth.*;authpriv.info") and an action: a file,
// or @host, @host:port, @[address]:port.
func parseRule(selector, action string) (rule, error) {
	r := rule{}
	for i := range r.least {
		r.least[i] = none
	}
	for part := range strings.SplitSeq(selector, ";") {
		left, right, ok := strings.Cut(part, ".")
		if !ok {
			return r, fmt.Errorf("unknown priority name %q", part)
		}
		least := slices.Index(severities, right)
		switch {
		case right == "*":
			least = len(severities) - 1
		case right == "none":
			least = none
		case least < 0:
			return r, fmt.Errorf("unknown priority name %q", right)
		}
		for name := range strings.SplitSeq(left, ",") {
			at := slices.Index(facilities, name)
			if name != "*" && (at < 0 || name == "") {
				return r, fmt.Errorf("unknown facility name %q", name)
			}
			for i := range r.least {
				if name == "*" || i == at {
					r.least[i] = least
				}
			}
		}
	}
	host, remote := strings.CutPrefix(action, "@")
	switch {
	case remote:
		r.remote = address(host)
	case strings.HasPrefix(action, "/"):
		r.file = action
	default:
		return r, fmt.Errorf("lookalike: the action %q is not built", action)
	}
	return r, nil
}

// address gives host its port, 514 unless it says another.
func address(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "514")
}
