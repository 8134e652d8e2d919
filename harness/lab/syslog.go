package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

const (
	syslogUDPPort = 514
	syslogTCPPort = 601  // RFC 3195; what plain syslog over TCP has come to use
	syslogTLSPort = 6514 // RFC 5425
)

// SyslogRecord is a record that came in, as it came in and as far as it could
// be understood.
type SyslogRecord struct {
	SyslogMessage
	At        time.Time
	Transport string // "udp", "tcp" or "tls"
	From      netip.AddrPort
	Raw       string // without the framing of a stream
}

// SyslogSink takes syslog in on the log host: datagrams on port 514, TCP on
// 601, TLS on 6514.
type SyslogSink struct {
	log       *slog.Logger
	records   *journal[SyslogRecord]
	authority *authority
	tls       *tls.Config
}

func startSyslog(h *host, log *slog.Logger) (*SyslogSink, error) {
	s := &SyslogSink{log: log.With("service", "syslog"), records: newJournal[SyslogRecord]("syslog records")}
	var err error
	if s.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	v4, v6, _ := HostAddrs(h.name)
	cert, err := s.authority.issue(h.name+"."+Domain, v4, v6)
	if err != nil {
		return nil, err
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	err = h.serveUDP(syslogUDPPort, func(d datagram) { s.take("udp", d.from, d.data) })
	if err != nil {
		return nil, err
	}
	if _, err = h.serveTCP(syslogTCPPort, func(_ context.Context, conn net.Conn) {
		s.readStream("tcp", addrPort(conn.RemoteAddr()), conn)
	}); err != nil {
		return nil, err
	}
	_, err = h.serveTCP(syslogTLSPort, s.serveTLS)
	return s, err
}

// CA is the certificate, in PEM, of the authority that vouches for the sink's
// TLS certificate. It is the lab's own.
func (s *SyslogSink) CA() []byte { return s.authority.pem }

// Records are those that came in so far, oldest first.
func (s *SyslogSink) Records() []SyslogRecord { return s.records.all() }

// WaitRecord returns the first record that matches, among those so far or
// those to come.
func (s *SyslogSink) WaitRecord(ctx context.Context, match func(SyslogRecord) bool) (SyslogRecord, error) {
	return s.records.wait(ctx, match)
}

func (s *SyslogSink) take(transport string, from netip.AddrPort, raw []byte) {
	now := time.Now()
	s.records.add(SyslogRecord{
		SyslogMessage: ParseSyslog(raw, now),
		At:            now, Transport: transport, From: from, Raw: string(raw),
	})
}

func (s *SyslogSink) serveTLS(ctx context.Context, conn net.Conn) {
	from := addrPort(conn.RemoteAddr())
	secure := tls.Server(conn, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		s.log.Warn("TLS of a syslog client", "from", from, "error", err)
		return
	}
	s.readStream("tls", from, secure)
}

func (s *SyslogSink) readStream(transport string, from netip.AddrPort, stream io.Reader) {
	r := bufio.NewReader(stream)
	for {
		raw, err := readSyslog(r)
		if len(raw) > 0 {
			s.take(transport, from, raw)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.log.Warn("syslog stream", "transport", transport, "from", from, "error", err)
			}
			return
		}
	}
}
