package state

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The bounds of the section logging.
const (
	// MaxLogTargets is how many targets there may be.
	MaxLogTargets = 16
	maxLogBuffer  = 10240
	maxLogDays    = 3650
	minLogMiB     = 16
	maxLogMiB     = 1 << 20
	maxLogCA      = 64 << 10
)

// Validate says all that is wrong with the section, as an *InvalidError, or
// nil. What a system cannot do is for its driver to say.
func (l Logging) Validate() error {
	ps := &problems{}
	if len(l.Targets) > MaxLogTargets {
		ps.add("logging.targets", "has %d targets; at most %d are allowed", len(l.Targets), MaxLogTargets)
	}
	seen := map[string]int{}
	for i, t := range l.Targets {
		path := at("logging.targets", i)
		t.validate(path, ps)
		key := fmt.Sprint(strings.ToLower(t.Host), " ", t.PortOrDefault(), " ", t.Protocol)
		if first, twice := seen[key]; twice {
			ps.add(path, "is the same target as %s; give it all facilities there", at("logging.targets", first))
			continue
		}
		seen[key] = i
	}
	if l.BufferMiB > maxLogBuffer {
		ps.add("logging.buffer_mib", "%d is more than %d", l.BufferMiB, maxLogBuffer)
	}
	l.Retention.validate(ps)
	return ps.err()
}

func (r *LogRetention) validate(ps *problems) {
	switch {
	case r == nil:
		return
	case r.Days == 0 && r.MiB == 0:
		ps.add("logging.retention", "bounds nothing; give days or mib, or leave it out")
	}
	if r.Days > maxLogDays {
		ps.add("logging.retention.days", "%d is more than %d", r.Days, maxLogDays)
	}
	if r.MiB != 0 && (r.MiB < minLogMiB || r.MiB > maxLogMiB) {
		ps.add("logging.retention.mib", "%d is not from %d to %d", r.MiB, minLogMiB, maxLogMiB)
	}
}

func (t LogTarget) validate(path string, ps *problems) {
	switch problem := hostProblem(t.Host); {
	case t.Host == "":
		ps.add(path+".host", "is missing")
	case problem != "":
		ps.add(path+".host", "%s", problem)
	}
	if t.Port > 65535 {
		ps.add(path+".port", "%d is not from 1 to 65535", t.Port)
	}
	switch t.Protocol {
	case LogUDP, LogTCP, LogTLS:
	case "":
		ps.add(path+".protocol", "is missing; it is udp, tcp or tls")
	default:
		ps.add(path+".protocol", "%s is not udp, tcp or tls", quoted(t.Protocol))
	}
	t.validateTLS(path, ps)
	t.validateSelection(path, ps)
	if t.Format != "" && t.Format != LogRFC5424 && t.Format != LogRFC3164 {
		ps.add(path+".format", "%s is not %s or %s", quoted(t.Format), LogRFC5424, LogRFC3164)
	}
}

func (t LogTarget) validateTLS(path string, ps *problems) {
	if t.Protocol != LogTLS {
		if t.CA != "" {
			ps.add(path+".ca", "is for the protocol tls only")
		}
		if t.Name != "" {
			ps.add(path+".name", "is for the protocol tls only")
		}
		return
	}
	if problem := logCAProblem(t.CA); problem != "" {
		ps.add(path+".ca", "%s", problem)
	}
	_, notAddress := netip.ParseAddr(t.Host)
	switch problem := dnsNameProblem(t.Name); {
	case t.Name == "" && notAddress == nil:
		ps.add(path+".name", "is missing: the host is an address, and certificates are checked for a name")
	case t.Name != "" && problem != "":
		ps.add(path+".name", "%s", problem)
	}
}

func (t LogTarget) validateSelection(path string, ps *problems) {
	for i, f := range t.Facilities {
		switch {
		case f == "" || !slices.Contains(LogFacilities[:], f):
			ps.add(at(path+".facilities", i), "%s is not a facility; they are %s", quoted(f), strings.Join(strings.Fields(strings.Join(LogFacilities[:], " ")), ", "))
		case slices.Contains(t.Facilities[:i], f):
			ps.add(at(path+".facilities", i), "%s is there twice", quoted(f))
		}
	}
	if t.Severity != "" && !slices.Contains(LogSeverities[:], t.Severity) {
		ps.add(path+".severity", "%s is not a severity; they are %s", quoted(t.Severity), strings.Join(LogSeverities[:], ", "))
	}
}

// hostProblem says why s is neither an address nor a DNS name, or nothing.
func hostProblem(s string) string {
	if addr, err := netip.ParseAddr(s); err == nil {
		switch {
		case addr.Zone() != "":
			return quoted(s) + " has a zone, whose name can change with the network cards"
		case addr.IsUnspecified(), addr.IsMulticast():
			return quoted(s) + " is not one machine's address"
		}
		return ""
	}
	return dnsNameProblem(s)
}

func dnsNameProblem(s string) string {
	if len(s) > 253 {
		return quoted(s) + " is longer than 253 characters"
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return quoted(s) + " has an empty part at one of its dots"
		}
		if problem := labelProblem(label, "DNS name"); problem != "" {
			return problem
		}
	}
	if last := s[strings.LastIndexByte(s, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		// RFC 1123 section 2.1: the last part of a name is not of digits only.
		return quoted(s) + " is neither an address nor a DNS name"
	}
	return ""
}

// logCAProblem says why s is not a list of certificates in PEM, or nothing. What
// is between or after the blocks would reach the system's own programs, so it
// is refused too.
func logCAProblem(s string) string {
	if s == "" {
		return "is missing; the protocol tls needs the certificate of the authority, in PEM"
	}
	if len(s) > maxLogCA {
		return fmt.Sprintf("is %d bytes long; at most %d are read", len(s), maxLogCA)
	}
	rest := []byte(strings.TrimSpace(s))
	n := 1
	for ; len(rest) > 0; n++ {
		if !strings.HasPrefix(string(rest), "-----BEGIN CERTIFICATE-----") {
			return fmt.Sprintf("does not have a PEM block CERTIFICATE where number %d belongs", n)
		}
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			return fmt.Sprintf("has a PEM block that cannot be read, number %d", n)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("has a certificate that cannot be read, number %d: %s", n, clip(err.Error(), 120))
		}
		rest = []byte(strings.TrimSpace(string(after)))
	}
	if strings.Count(s, "-----BEGIN") != n-1 { // Decode passes over what it cannot read
		return "has a PEM block that cannot be read"
	}
	return ""
}
