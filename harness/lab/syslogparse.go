package lab

import (
	"strconv"
	"strings"
	"time"
)

// Formats of a syslog record.
const (
	SyslogRFC5424 = "rfc5424"
	SyslogRFC3164 = "rfc3164"
	SyslogUnknown = "unknown"
)

// SyslogMessage is what could be understood of a syslog record. A field that
// is absent or nil in the record is empty here.
type SyslogMessage struct {
	Format     string // SyslogRFC5424, SyslogRFC3164 or SyslogUnknown
	Facility   int    // -1 without a valid priority
	Severity   int    // -1 without a valid priority
	Timestamp  time.Time
	Hostname   string
	App        string // APP-NAME, or the tag
	ProcID     string
	MsgID      string
	Structured string // the structured data as they stand in the record
	Message    string // all after the priority if the format is unknown
}

// ParseSyslog takes a record apart: RFC 5424, or RFC 3164 as senders really
// write it, which includes a time stamp with a year and a zone (rsyslog) and
// no host name (BSD's syslogd). A record in neither keeps its whole text as the
// message. The year that RFC 3164 leaves out is the one that puts the record
// nearest to its arrival, and its zone is taken to be UTC.
func ParseSyslog(raw []byte, arrived time.Time) SyslogMessage {
	m := SyslogMessage{Format: SyslogUnknown, Facility: -1, Severity: -1}
	text := strings.TrimRight(string(raw), "\r\n\x00")
	rest, priority, ok := cutPriority(text)
	if !ok {
		m.Message = text
		return m
	}
	m.Facility, m.Severity = priority/8, priority%8
	if parsed, ok := parse5424(m, rest); ok {
		return parsed
	}
	if parsed, ok := parse3164(m, rest, arrived); ok {
		return parsed
	}
	m.Message = rest
	return m
}

// cutPriority takes "<PRI>" off: 0 to 191 without leading zeros.
func cutPriority(text string) (rest string, priority int, ok bool) {
	inner, found := strings.CutPrefix(text, "<")
	if !found {
		return text, 0, false
	}
	digits, rest, found := strings.Cut(inner, ">")
	if !found || len(digits) < 1 || len(digits) > 3 || digits[0] == '0' && len(digits) > 1 {
		return text, 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || n > 191 {
		return text, 0, false
	}
	return rest, int(n), true
}

// parse5424 reads "1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID DATA [MSG]".
func parse5424(m SyslogMessage, text string) (SyslogMessage, bool) {
	text, ok := strings.CutPrefix(text, "1 ")
	if !ok {
		return m, false
	}
	var fields [5]string
	for i := range fields {
		if fields[i], text, ok = strings.Cut(text, " "); !ok || fields[i] == "" {
			return m, false
		}
		if fields[i] == "-" {
			fields[i] = ""
		}
	}
	if fields[0] != "" {
		stamp, err := time.Parse(time.RFC3339Nano, fields[0])
		if err != nil {
			return m, false
		}
		m.Timestamp = stamp
	}
	data, text, ok := cutStructured(text)
	if !ok {
		return m, false
	}
	m.Format = SyslogRFC5424
	m.Hostname, m.App, m.ProcID, m.MsgID = fields[1], fields[2], fields[3], fields[4]
	m.Structured = data
	m.Message = strings.TrimPrefix(text, "\ufeff")
	return m, true
}

// cutStructured takes the structured data and the blank after them off: "-"
// or any number of [ID NAME="VALUE" ...], where a backslash in a value hides
// the next character.
func cutStructured(text string) (data, rest string, ok bool) {
	end := 0
	if strings.HasPrefix(text, "-") {
		end = 1
	} else {
		for end < len(text) && text[end] == '[' {
			n := elementLength(text[end:])
			if n == 0 {
				return "", "", false
			}
			end += n
		}
		if end == 0 {
			return "", "", false
		}
		data = text[:end]
	}
	if end == len(text) {
		return data, "", true
	}
	if text[end] != ' ' {
		return "", "", false
	}
	return data, text[end+1:], true
}

// elementLength is the length of the element that text begins with; 0 if it
// does not end.
func elementLength(text string) int {
	quoted := false
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == ']':
			return i + 1
		}
	}
	return 0
}

// parse3164 reads "TIMESTAMP [HOSTNAME] TAG[PID]: MSG".
func parse3164(m SyslogMessage, text string, arrived time.Time) (SyslogMessage, bool) {
	stamp, text, ok := cutStamp(text, arrived)
	if !ok {
		return m, false
	}
	m.Format, m.Timestamp = SyslogRFC3164, stamp
	if word, rest, found := strings.Cut(text, " "); found && word != "" && !strings.ContainsAny(word, ":[") {
		m.Hostname, text = word, rest
	} else if found && isAddress(word) {
		m.Hostname, text = word, rest
	}
	end := strings.IndexAny(text, " :[")
	if end <= 0 || text[end] == ' ' {
		m.Message = strings.TrimPrefix(text, " ") // no tag
		return m, true
	}
	m.App, text = text[:end], text[end:]
	if inner, isPID := strings.CutPrefix(text, "["); isPID {
		if pid, rest, closed := strings.Cut(inner, "]"); closed {
			m.ProcID, text = pid, rest
		}
	}
	m.Message = strings.TrimPrefix(strings.TrimPrefix(text, ":"), " ")
	return m, true
}

// isAddress tells an IPv6 address, a host name with colons in it.
func isAddress(word string) bool {
	return strings.Count(word, ":") >= 2 && !strings.HasSuffix(word, ":")
}

func cutStamp(text string, arrived time.Time) (stamp time.Time, rest string, ok bool) {
	if word, rest, found := strings.Cut(text, " "); found {
		if stamp, err := time.Parse(time.RFC3339Nano, word); err == nil {
			return stamp, rest, true
		}
	}
	const layout = "Jan _2 15:04:05"
	if len(text) <= len(layout) || text[len(layout)] != ' ' {
		return time.Time{}, "", false
	}
	// In a leap year, so that 29 February can be read at all.
	stamp, err := time.Parse("2006 "+layout, "2000 "+text[:len(layout)])
	if err != nil {
		return time.Time{}, "", false
	}
	return nearest(stamp, arrived), text[len(layout)+1:], true
}

// nearest puts the stamp into the year that brings it nearest to arrived.
func nearest(stamp, arrived time.Time) time.Time {
	in := func(year int) time.Time {
		return time.Date(year, stamp.Month(), stamp.Day(), stamp.Hour(), stamp.Minute(), stamp.Second(), 0, time.UTC)
	}
	year := arrived.UTC().Year()
	best := in(year)
	for _, other := range []time.Time{in(year - 1), in(year + 1)} {
		if other.Sub(arrived).Abs() < best.Sub(arrived).Abs() {
			best = other
		}
	}
	return best
}
