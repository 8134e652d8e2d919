package system

import "strings"

// Logging says how a record gets into a system's own log, and what the system
// can do about sending it on.
type Logging struct {
	// Write makes a record by the system's own logger, run through Exec, in
	// which {{facility}}, {{severity}}, {{tag}} and {{text}} are replaced.
	Write []string
	// Formats maps each protocol by which records can be sent ("udp", "tcp",
	// "tls") to the newest format in which they are ("rfc5424", "rfc3164").
	// Without any, the section is not supported.
	Formats map[string]string
	// Targets is how many targets there can be at once, 0 for any number.
	Targets int
	// Facilities and Severity say by what records can be selected.
	Facilities, Severity bool
	// Files are the files whose content and time must not move when the same
	// is chosen again, as ssh sees them.
	Files []string
}

// Record is the argv of Write for one record.
func (l Logging) Record(facility, severity, tag, text string) []string {
	fill := strings.NewReplacer("{{facility}}", facility, "{{severity}}", severity, "{{tag}}", tag, "{{text}}", text)
	argv := make([]string, len(l.Write))
	for i, word := range l.Write {
		argv[i] = fill.Replace(word)
	}
	return argv
}

// Logger is logger(1) as Linux and FreeBSD have it.
func Logger() []string {
	return []string{"logger", "-p", "{{facility}}.{{severity}}", "-t", "{{tag}}", "--", "{{text}}"}
}
