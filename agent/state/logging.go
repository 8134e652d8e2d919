package state

// Logging is the desired value of the section "logging": where a machine's log
// records go, and how much of them it keeps itself.
type Logging struct {
	// Targets are the machines that records are sent to, all of them at once;
	// none sends nothing.
	Targets []LogTarget `json:"targets,omitempty"`
	// Retention bounds what is kept on the machine itself; nil leaves it to
	// the system.
	Retention *LogRetention `json:"retention,omitempty"`
	// BufferMiB is how much of what one tcp or tls target missed waits for it
	// on disk, in MiB, 1 to 10240; 0 leaves it to the system's memory.
	BufferMiB uint32 `json:"buffer_mib,omitempty"`
}

// LogTarget is one machine that records are sent to.
type LogTarget struct {
	// Host is a DNS name or an IP address.
	Host string `json:"host"`
	// Port is 1 to 65535; 0 means that of the protocol, see PortOrDefault.
	Port uint32 `json:"port,omitempty"`
	// Protocol is "udp" (RFC 5426), "tcp" (RFC 6587) or "tls" (RFC 5425).
	Protocol string `json:"protocol"`
	// CA is one or more certificates in PEM, of which one must vouch for a
	// tls target; for tls only, and needed there.
	CA string `json:"ca,omitempty"`
	// Name must be in the certificate of a tls target; empty means Host. A
	// Host that is an address needs one.
	Name string `json:"name,omitempty"`
	// Facilities are those whose records are sent; none means all. See
	// LogFacilities.
	Facilities []string `json:"facilities,omitempty"`
	// Severity is the least severe that is sent; empty means "debug", all. See
	// LogSeverities.
	Severity string `json:"severity,omitempty"`
	// Format is "rfc5424", which is meant if it is empty, or "rfc3164", for
	// targets and systems that know no other.
	Format string `json:"format,omitempty"`
}

// LogRetention bounds the local log.
type LogRetention struct {
	// Days is the age after which records go, 1 to 3650; 0 is no bound.
	Days uint32 `json:"days,omitempty"`
	// MiB is the size above which the oldest records go, 16 to 1048576; 0 is
	// no bound.
	MiB uint32 `json:"mib,omitempty"`
}

// The protocols of a target.
const (
	LogUDP = "udp"
	LogTCP = "tcp"
	LogTLS = "tls"
)

// The formats of a record.
const (
	LogRFC5424 = "rfc5424"
	LogRFC3164 = "rfc3164"
)

// LogFacilities are the facilities that every system's logger can name, each
// at the place of its number in RFC 5424 section 6.2.1. Those that are empty
// have no name that is the same everywhere.
var LogFacilities = [24]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"", "", "", "",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// LogSeverities are the severities by their numbers, the most severe first.
var LogSeverities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// PortOrDefault is the target's port, or the one that its protocol has: 514
// (RFC 5426), 601 (RFC 3195, in use for plain TCP) or 6514 (RFC 5425).
func (t LogTarget) PortOrDefault() uint16 {
	switch {
	case t.Port != 0:
		return uint16(t.Port) // Validate has seen that it fits
	case t.Protocol == LogTCP:
		return 601
	case t.Protocol == LogTLS:
		return 6514
	}
	return 514
}

// PeerName is the name that must be in the target's certificate.
func (t LogTarget) PeerName() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Host
}

// FormatOrDefault is the target's format, RFC 5424 unless it says otherwise.
func (t LogTarget) FormatOrDefault() string {
	if t.Format != "" {
		return t.Format
	}
	return LogRFC5424
}

// SeverityOrDefault is the least severe severity that is sent.
func (t LogTarget) SeverityOrDefault() string {
	if t.Severity != "" {
		return t.Severity
	}
	return LogSeverities[len(LogSeverities)-1]
}
