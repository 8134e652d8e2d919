package rsyslog

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	actions    = regexp.MustCompile(`(?s)(?:^|\n)(\S+) action\((.*?)\)`)
	parameters = regexp.MustCompile(`([A-Za-z][A-Za-z0-9_.]*)="([^"]*)"`)
)

// Parse reads the targets of a drop-in in the form that Render gives it,
// whatever values stand in it. What has another form is passed over.
func Parse(text string) []Target {
	var targets []Target
	for _, action := range actions.FindAllStringSubmatch(text, -1) {
		p := map[string]string{}
		for _, m := range parameters.FindAllStringSubmatch(action[2], -1) {
			p[strings.ToLower(m[1])] = m[2]
		}
		if p["type"] != "omfwd" {
			continue
		}
		t := Target{
			Selector: action[1], Host: p["target"], Port: port(p["port"]), Transport: p["protocol"],
			RFC3164: p["template"] == template3164, BufferMiB: mebibytes(p["queue.maxdiskspace"]),
			Driver: p["streamdriver"], CAFile: p["streamdriver.cafile"], Peer: p["streamdriverpermittedpeers"],
		}
		if t.Driver != "" && p["streamdrivermode"] == "1" {
			t.Transport = TLS
		}
		targets = append(targets, t)
	}
	return targets
}

var forwards = regexp.MustCompile(`^(\S+)\s+(@@?)(?:\([^)]*\))?(\[[^\]]*\]|[^:;\s]+)(?::([0-9]+))?(?:;(\S+))?\s*$`)

// ParseLegacy reads the targets of a text in the form of RenderLegacy.
func ParseLegacy(text string) []Target {
	var targets []Target
	buffer := uint32(0)
	for line := range strings.SplitSeq(text, "\n") {
		if size, ok := strings.CutPrefix(line, "$ActionQueueMaxDiskSpace "); ok {
			buffer = mebibytes(size)
			continue
		}
		m := forwards.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		t := Target{
			Selector: m[1], Host: strings.Trim(m[3], "[]"), Port: port(m[4]), Transport: TCP,
			RFC3164: m[5] != template5424, BufferMiB: buffer,
		}
		if m[2] == "@" {
			t.Transport = UDP
		}
		targets = append(targets, t)
		buffer = 0
	}
	return targets
}

// port is 514, rsyslog's own default, for a text that is no port.
func port(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 514
	}
	return uint16(n)
}

func mebibytes(s string) uint32 {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(s), "m"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
