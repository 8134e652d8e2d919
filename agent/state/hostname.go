package state

import "strings"

// Validate says all that is wrong with the host name, as an *InvalidError, or
// nil. The rules are those of RFC 1123 section 2.1 and RFC 1035 section 2.3.4.
func (h Hostname) Validate() error {
	ps := &problems{}
	switch problem := labelProblem(h.Name, "host name"); {
	case h.Name == "":
		ps.add("hostname.name", "is missing")
	case strings.Contains(h.Name, "."):
		ps.add("hostname.name", "%s has a dot; the part behind the first belongs into hostname.domain", quoted(h.Name))
	case problem != "":
		ps.add("hostname.name", "%s", problem)
	case strings.EqualFold(h.Name, "localhost"):
		// hostname(5) of systemd counts it as no name at all.
		ps.add("hostname.name", "%s is every machine's own name and cannot be one machine's", quoted(h.Name))
	}
	h.validateDomain(ps)
	return ps.err()
}

func (h Hostname) validateDomain(ps *problems) {
	if h.Domain == "" {
		return
	}
	const longest = 253 // 255 octets on the wire are 253 characters in text
	if len(h.FQDN()) > longest {
		ps.add("hostname.domain", "%s makes the full name %d characters long; at most %d are allowed", quoted(h.Domain), len(h.FQDN()), longest)
		return
	}
	if strings.HasSuffix(h.Domain, ".") {
		ps.add("hostname.domain", "%s ends in a dot; leave it out", quoted(h.Domain))
		return
	}
	for label := range strings.SplitSeq(h.Domain, ".") {
		if label == "" {
			ps.add("hostname.domain", "%s has an empty part between its dots", quoted(h.Domain))
			return
		}
		if problem := labelProblem(label, "domain"); problem != "" {
			ps.add("hostname.domain", "%s", problem)
			return
		}
	}
}

// labelProblem says what is wrong with one label of a name, or nothing.
func labelProblem(s, what string) string {
	for _, c := range s {
		if !letterOrDigit(c) && c != '-' {
			return quoted(s) + " has a character that is not allowed in a " + what + ": " + quoted(string(c))
		}
	}
	switch {
	case len(s) > 63:
		return quoted(s) + " is longer than 63 characters"
	case strings.HasPrefix(s, "-"), strings.HasSuffix(s, "-"):
		return quoted(s) + " begins or ends with a hyphen"
	}
	return ""
}
