// Package rsyslog has rsyslogd send records to other machines: it writes the
// actions for that, reads them back, and has rsyslogd itself judge a
// configuration before it is put in place.
package rsyslog

import (
	"fmt"
	"slices"
	"strings"
)

// Where rsyslogd and its configuration are on every Linux distribution.
const (
	Program    = "/usr/sbin/rsyslogd"
	ConfigFile = "/etc/rsyslog.conf"
	// DropInDir is read by the ConfigFile of distributions since about 2010,
	// its files *.conf in the order of their names.
	DropInDir = "/etc/rsyslog.d"
	// DropIn comes before the distributions' own files, so that a record which
	// those stop is sent too.
	DropIn = DropInDir + "/10-guestd.conf"
)

// The transports of a target.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

// Target is one machine that records are sent to.
type Target struct {
	Host      string
	Port      uint16
	Transport string
	// Selector says which records, in the form of syslog.conf(5).
	Selector string
	// RFC3164 sends the old format, else it is RFC 5424.
	RFC3164 bool
	// BufferMiB is how much waits on disk for a target that is away; 0 keeps
	// what waits in memory. It is not used for udp, which cannot tell.
	BufferMiB uint32
	// Driver is the network stream driver that does TLS; CAFile has the
	// certificates that vouch for the target, and Peer is the name in its own.
	Driver, CAFile, Peer string
}

const (
	// template3164 is built into rsyslogd (doc, configuration/templates).
	template3164 = "RSYSLOG_TraditionalForwardFormat"
	// template5424 is ours: the one that is built in puts a blank before each
	// text beside the one that the text has from the local socket, so that
	// every text would arrive with a blank that nobody wrote.
	template5424 = "guestdRFC5424"
	format5424   = "<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA%%msg:::sp-if-no-1st-sp%%msg%"
)

func (t Target) template() string {
	if t.RFC3164 {
		return template3164
	}
	return template5424
}

// Bounds of what waits in memory for a target. A record that finds no place is
// lost at once: waiting for one would hold up the machine's own log, and what
// writes to it (doc, concepts/queues).
const (
	queueSize    = 20000
	queueTimeout = 0
	// retrySeconds grows slowly with the failures in a row (action.c).
	retrySeconds = 5
)

const head = "# Written by guestd, which undoes changes made here.\n"

// Render is a drop-in in rsyslog 7's language; empty without targets. Each
// target has a queue of its own, so that one that is away holds up no other.
// Streams count their records' octets (RFC 6587), so that a line feed in one
// does not end it.
func Render(targets []Target) string {
	if len(targets) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(head)
	if needs5424(targets) {
		fmt.Fprintf(&b, "template(name=\"%s\" type=\"string\" string=\"%s\")\n", template5424, format5424)
	}
	for i, t := range targets {
		fmt.Fprintf(&b, "%s action(type=\"omfwd\" name=\"guestd-%d\" target=\"%s\" port=\"%d\" template=\"%s\"\n", t.Selector, i+1, t.Host, t.Port, t.template())
		if t.Transport == UDP {
			b.WriteString("  protocol=\"udp\"\n")
		} else {
			b.WriteString("  protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n")
		}
		if t.Transport == TLS {
			fmt.Fprintf(&b, "  StreamDriver=\"%s\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"%s\" StreamDriver.CAFile=\"%s\"\n", t.Driver, t.Peer, t.CAFile)
		}
		fmt.Fprintf(&b, "  action.resumeRetryCount=\"-1\" action.resumeInterval=\"%d\"\n", retrySeconds)
		fmt.Fprintf(&b, "  queue.type=\"LinkedList\" queue.size=\"%d\" queue.timeoutEnqueue=\"%d\"", queueSize, queueTimeout)
		if t.onDisk() {
			fmt.Fprintf(&b, " queue.filename=\"guestd-%d\" queue.maxDiskSpace=\"%dm\" queue.saveOnShutdown=\"on\"", i+1, t.BufferMiB)
		}
		b.WriteString(")\n")
	}
	return b.String()
}

func needs5424(targets []Target) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return !t.RFC3164 })
}

func (t Target) onDisk() bool { return t.BufferMiB > 0 && t.Transport != UDP }

// RenderLegacy is the same in the language of rsyslog 3 and later, for the end
// of a ConfigFile that reads no drop-ins. There is no TLS in it. A directive
// holds for the next action only, or for all that follow, depending on the
// version, so each action has them all.
func RenderLegacy(targets []Target) string {
	var b strings.Builder
	if needs5424(targets) {
		fmt.Fprintf(&b, "$template %s,\"%s\"\n", template5424, format5424)
	}
	for i, t := range targets {
		b.WriteString("$ActionResumeRetryCount -1\n")
		fmt.Fprintf(&b, "$ActionResumeInterval %d\n", retrySeconds)
		fmt.Fprintf(&b, "$ActionQueueType LinkedList\n$ActionQueueSize %d\n$ActionQueueTimeoutEnqueue %d\n", queueSize, queueTimeout)
		if t.onDisk() {
			fmt.Fprintf(&b, "$ActionQueueFileName guestd-%d\n$ActionQueueMaxDiskSpace %dm\n$ActionQueueSaveOnShutdown on\n", i+1, t.BufferMiB)
		}
		host := t.Host
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		at := "@@(o)"
		if t.Transport == UDP {
			at = "@"
		}
		fmt.Fprintf(&b, "%s %s%s:%d;%s\n", t.Selector, at, host, t.Port, t.template())
	}
	return b.String()
}
