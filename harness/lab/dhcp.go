package lab

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	dhcpServerPort = 67
	dhcpClientPort = 68
	leaseTime      = 24 * time.Hour
)

// DHCPRequest is a message that a client sent, and what it was answered.
type DHCPRequest struct {
	At        time.Time
	Type      string // "DISCOVER", "REQUEST", "RELEASE", ...
	MAC       string
	Hostname  string     // the name the client gave, or ""
	Requested netip.Addr // the address it asked for or has, or the zero Addr
	Answer    string     // "OFFER", "ACK", "NAK", or "" for none
}

// Lease is an address that a client holds.
type Lease struct {
	MAC      string
	Addr     netip.Addr
	Hostname string // the name the client gave, or ""
	At       time.Time
	Expires  time.Time
}

// DHCPServer is the router's DHCPv4 server. It knows the guest's cards only,
// and has one fixed address for each. It never tells a host name.
type DHCPServer struct {
	host     *host
	log      *slog.Logger
	requests *journal[DHCPRequest]

	mu     sync.Mutex
	leases map[string]Lease // by MAC
}

func startDHCP(h *host, log *slog.Logger) (*DHCPServer, error) {
	s := &DHCPServer{
		host: h, log: log.With("service", "dhcp"),
		requests: newJournal[DHCPRequest]("DHCP requests"), leases: map[string]Lease{},
	}
	return s, h.serveUDP(dhcpServerPort, s.serve)
}

// Requests are the messages from clients so far, oldest first.
func (s *DHCPServer) Requests() []DHCPRequest { return s.requests.all() }

// WaitRequest returns the first message from a client that matches, among
// those so far or those to come.
func (s *DHCPServer) WaitRequest(ctx context.Context, match func(DHCPRequest) bool) (DHCPRequest, error) {
	return s.requests.wait(ctx, match)
}

// Leases are those held now, ordered by address.
func (s *DHCPServer) Leases() []Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Lease
	for _, lease := range s.leases {
		if time.Now().Before(lease.Expires) {
			all = append(all, lease)
		}
	}
	slices.SortFunc(all, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return all
}

func (s *DHCPServer) serve(d datagram) {
	request, err := dhcpv4.FromBytes(d.data)
	if err != nil || request.OpCode != dhcpv4.OpcodeBootRequest || len(request.ClientHWAddr) != 6 {
		s.log.Warn("not a DHCP request", "from", d.from, "error", err)
		return
	}
	seen := DHCPRequest{
		At: time.Now(), Type: request.MessageType().String(), MAC: request.ClientHWAddr.String(),
		Hostname: request.HostName(), Requested: wanted(request),
	}
	answer := s.answer(request, seen)
	if answer != nil {
		seen.Answer = answer.MessageType().String()
		if err := s.send(request, answer); err != nil {
			s.log.Warn("send a DHCP answer", "to", seen.MAC, "error", err)
		}
	}
	s.log.Debug("DHCP", "type", seen.Type, "mac", seen.MAC, "name", seen.Hostname, "answer", seen.Answer)
	s.requests.add(seen)
}

// wanted is the address a client asks for: by option while it has none, by
// its own address when it renews (RFC 2131, table 4).
func wanted(request *dhcpv4.DHCPv4) netip.Addr {
	for _, ip := range []net.IP{request.RequestedIPAddress(), request.ClientIPAddr} {
		if addr, ok := netip.AddrFromSlice(ip.To4()); ok && !addr.IsUnspecified() {
			return addr
		}
	}
	return netip.Addr{}
}

func leaseFor(mac net.HardwareAddr) (netip.Addr, bool) {
	for i := range maxNICs {
		if bytes.Equal(mac, guestMAC(i)) {
			return guestAddr(i), true
		}
	}
	return netip.Addr{}, false
}

// answer decides as RFC 2131, section 4.3 says; nil is no answer.
func (s *DHCPServer) answer(request *dhcpv4.DHCPv4, seen DHCPRequest) *dhcpv4.DHCPv4 {
	addr, known := leaseFor(request.ClientHWAddr)
	if !known {
		return nil
	}
	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return s.compose(request, dhcpv4.MessageTypeOffer, addr)
	case dhcpv4.MessageTypeRequest:
		server := request.ServerIdentifier()
		if server != nil && !server.Equal(planned("router").AsSlice()) {
			return nil // it took another server's offer
		}
		if seen.Requested != addr {
			return s.compose(request, dhcpv4.MessageTypeNak, netip.Addr{})
		}
		s.grant(Lease{
			MAC: seen.MAC, Addr: addr, Hostname: seen.Hostname, At: seen.At, Expires: seen.At.Add(leaseTime),
		})
		return s.compose(request, dhcpv4.MessageTypeAck, addr)
	case dhcpv4.MessageTypeInform:
		return s.compose(request, dhcpv4.MessageTypeAck, netip.Addr{})
	case dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeDecline:
		s.mu.Lock()
		delete(s.leases, seen.MAC)
		s.mu.Unlock()
	}
	return nil
}

func (s *DHCPServer) grant(l Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases[l.MAC] = l
}

// compose writes an answer. Without an address it carries no lease: it is a
// refusal or the answer to a client that has an address of its own.
func (s *DHCPServer) compose(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType, addr netip.Addr) *dhcpv4.DHCPv4 {
	router := net.IP(planned("router").AsSlice())
	with := []dhcpv4.Modifier{
		dhcpv4.WithReply(request), dhcpv4.WithMessageType(kind),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(router)),
	}
	if kind != dhcpv4.MessageTypeNak {
		with = append(with,
			dhcpv4.WithNetmask(net.CIDRMask(Subnet.Bits(), 32)),
			dhcpv4.WithOption(dhcpv4.OptRouter(router)),
			dhcpv4.WithOption(dhcpv4.OptDNS(planned("dns").AsSlice())),
			dhcpv4.WithOption(dhcpv4.OptNTPServers(planned("ntp").AsSlice())),
			dhcpv4.WithOption(dhcpv4.OptDomainName(Domain)),
		)
	}
	if addr.IsValid() {
		with = append(with, dhcpv4.WithYourIP(addr.AsSlice()),
			dhcpv4.WithLeaseTime(uint32(leaseTime/time.Second)))
	}
	answer, err := dhcpv4.New(with...)
	if err != nil {
		s.log.Error("compose a DHCP answer", "error", err)
		return nil
	}
	return answer
}

// send brings an answer to its client, which may not have an address yet that
// it would answer ARP for (RFC 2131, section 4.1).
func (s *DHCPServer) send(request, answer *dhcpv4.DHCPv4) error {
	to, mac := net.IPv4bcast, net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	unicast := request.IsUnicast() && answer.MessageType() != dhcpv4.MessageTypeNak
	switch client := request.ClientIPAddr; {
	case unicast && client != nil && !client.IsUnspecified():
		to, mac = client, request.ClientHWAddr
	case unicast:
		to, mac = answer.YourIPAddr, request.ClientHWAddr
	}
	frame, err := udpFrame(s.host.card.mac, mac, net.UDPAddr{IP: planned("router").AsSlice(), Port: dhcpServerPort},
		net.UDPAddr{IP: to, Port: dhcpClientPort}, answer.ToBytes())
	if err != nil {
		return fmt.Errorf("make its frame: %w", err)
	}
	s.host.card.send(frame)
	return nil
}
