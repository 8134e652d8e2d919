package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	dnsPort    = 53
	dnsTTL     = 60 // seconds
	dnsUDPSize = 1232
)

// Query is a question that the name server was asked, and its answer.
type Query struct {
	At      time.Time
	From    netip.AddrPort
	Network string   // "udp" or "tcp"
	Name    string   // as asked, with the final dot
	Type    string   // "A", "AAAA", "PTR", ...
	Code    string   // "NOERROR", "NXDOMAIN", ...
	Answer  []string // the records, in zone file format
}

// DNSServer is the lab's name server, and the only one there is: it knows the
// lab's hosts, the guest and what SetA tells it, and says of every other name
// that it does not exist.
type DNSServer struct {
	log     *slog.Logger
	queries *journal[Query]

	mu    sync.Mutex
	names map[string]netip.Addr // canonical name to address
}

func startDNS(h *host, log *slog.Logger) (*DNSServer, error) {
	s := &DNSServer{
		log: log.With("service", "dns"), queries: newJournal[Query]("DNS queries"),
		names: map[string]netip.Addr{dns.CanonicalName("guest." + Domain): guestAddr(0)},
	}
	for _, p := range plan {
		s.names[dns.CanonicalName(p.name+"."+Domain)] = p.addr()
	}
	err := h.serveUDP(dnsPort, func(d datagram) {
		if answer := s.handle("udp", d.from, d.data); answer != nil {
			if err := d.reply(answer); err != nil {
				s.log.Warn("answer a DNS query", "to", d.from, "error", err)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	_, err = h.serveTCP(dnsPort, s.serveConn)
	return s, err
}

// SetA makes the name have the address, in place of what it had; the zero
// Addr takes the name away. A name without a dot is one in the lab's domain.
func (s *DNSServer) SetA(name string, addr netip.Addr) error {
	if !strings.Contains(name, ".") {
		name += "." + Domain
	}
	if _, ok := dns.IsDomainName(name); !ok || strings.HasPrefix(name, ".") {
		return fmt.Errorf("lab: %q is not a domain name", name)
	}
	if addr.IsValid() && !addr.Is4() {
		return fmt.Errorf("lab: %s for %s is not an IPv4 address", addr, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if addr.IsValid() {
		s.names[dns.CanonicalName(name)] = addr
	} else {
		delete(s.names, dns.CanonicalName(name))
	}
	return nil
}

// Queries are those asked so far, oldest first.
func (s *DNSServer) Queries() []Query { return s.queries.all() }

// WaitQuery returns the first query that matches, among those so far or those
// to come.
func (s *DNSServer) WaitQuery(ctx context.Context, match func(Query) bool) (Query, error) {
	return s.queries.wait(ctx, match)
}

func (s *DNSServer) lookup(name string) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.names[dns.CanonicalName(name)]
	return addr, ok
}

func (s *DNSServer) reverse(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := ""
	for known, addr := range s.names {
		arpa, err := dns.ReverseAddr(addr.String())
		// The first in the alphabet, so that the answer is always the same.
		if err == nil && arpa == dns.CanonicalName(name) && (found == "" || known < found) {
			found = known
		}
	}
	return found, found != ""
}

func (s *DNSServer) serveConn(_ context.Context, conn net.Conn) {
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := s.handle("tcp", addrPort(conn.RemoteAddr()), query)
		if answer == nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// handle answers one message; nil if it deserves none.
func (s *DNSServer) handle(network string, from netip.AddrPort, data []byte) []byte {
	var query dns.Msg
	if err := query.Unpack(data); err != nil || query.Response || len(query.Question) != 1 {
		s.log.Warn("not a DNS query", "from", from, "error", err)
		return nil
	}
	answer := s.answer(&query)
	size := dns.MaxMsgSize
	if network == "udp" {
		size = dns.MinMsgSize
	}
	if opt := query.IsEdns0(); opt != nil {
		answer.SetEdns0(dnsUDPSize, false)
		if network == "udp" {
			size = max(size, min(int(opt.UDPSize()), dnsUDPSize))
		}
	}
	answer.Truncate(size)
	packed, err := answer.Pack()
	if err != nil {
		s.log.Warn("pack a DNS answer", "name", query.Question[0].Name, "error", err)
		return nil
	}
	seen := Query{
		At: time.Now(), From: from, Network: network,
		Name: query.Question[0].Name, Type: dns.Type(query.Question[0].Qtype).String(),
		Code: dns.RcodeToString[answer.Rcode],
	}
	for _, record := range answer.Answer {
		seen.Answer = append(seen.Answer, record.String())
	}
	s.queries.add(seen)
	return packed
}

func (s *DNSServer) answer(query *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(query)
	answer.RecursionAvailable = true
	if query.Opcode != dns.OpcodeQuery {
		answer.Rcode = dns.RcodeNotImplemented
		return answer
	}
	question := query.Question[0]
	answer.Authoritative = dns.IsSubDomain(dns.Fqdn(Domain), dns.CanonicalName(question.Name))
	header := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: question.Name, Rrtype: kind, Class: dns.ClassINET, Ttl: dnsTTL}
	}
	soa := &dns.SOA{
		Hdr: dns.RR_Header{Name: dns.Fqdn(Domain), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: dnsTTL},
		Ns:  dns.Fqdn("dns." + Domain), Mbox: dns.Fqdn("hostmaster." + Domain),
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 1,
	}
	addr, known := s.lookup(question.Name)
	pointer, points := s.reverse(question.Name)
	apex := dns.CanonicalName(question.Name) == dns.Fqdn(Domain)
	switch {
	case question.Qclass != dns.ClassINET:
		answer.Rcode = dns.RcodeRefused
	case known && question.Qtype == dns.TypeA:
		answer.Answer = append(answer.Answer, &dns.A{Hdr: header(dns.TypeA), A: addr.AsSlice()})
	case points && question.Qtype == dns.TypePTR:
		answer.Answer = append(answer.Answer, &dns.PTR{Hdr: header(dns.TypePTR), Ptr: pointer})
	case apex && question.Qtype == dns.TypeSOA:
		answer.Answer = append(answer.Answer, soa)
	case apex && question.Qtype == dns.TypeNS:
		answer.Answer = append(answer.Answer, &dns.NS{Hdr: header(dns.TypeNS), Ns: soa.Ns})
	case known || points || apex:
		answer.Ns = append(answer.Ns, soa) // the name is there, the type is not
	default:
		answer.Rcode = dns.RcodeNameError
		if answer.Authoritative {
			answer.Ns = append(answer.Ns, soa)
		}
	}
	return answer
}
