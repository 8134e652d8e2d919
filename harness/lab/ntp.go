package lab

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

const (
	ntpPort   = 123
	ntpPacket = 48 // without extensions
	ntpClient = 3  // mode
	ntpServer = 4  // mode
)

// ntpEra is where NTP counts seconds from (RFC 5905, section 6).
var ntpEra = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// TimeRequest is a request that the time server answered.
type TimeRequest struct {
	At   time.Time
	From netip.AddrPort
	// Version is the NTP version the client speaks.
	Version int
}

// NTPServer is the lab's time server. It tells this machine's time, shifted at
// will, as a primary server.
type NTPServer struct {
	requests *journal[TimeRequest]

	mu     sync.Mutex
	shift  time.Duration
	silent bool
	lost   bool
}

func startNTP(h *host) (*NTPServer, error) {
	s := &NTPServer{requests: newJournal[TimeRequest]("time requests")}
	return s, h.serveUDP(ntpPort, func(d datagram) {
		arrived := time.Now()
		if answer := s.answer(d.data, arrived); answer != nil {
			// One that is lost is the same to the client as one that fails.
			_ = d.reply(answer)
			s.requests.add(TimeRequest{At: arrived, From: d.from, Version: int(d.data[0] >> 3 & 7)})
		}
	})
}

// Shift makes the server tell a time that much later than this machine's.
func (s *NTPServer) Shift(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shift = d
}

// Silence makes the server answer nobody, or everybody again.
func (s *NTPServer) Silence(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// Lose makes the server say that it has lost the time, upon which a client turns
// to another at once, or that it has it again.
func (s *NTPServer) Lose(lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = lost
}

// Requests are those answered so far, oldest first.
func (s *NTPServer) Requests() []TimeRequest { return s.requests.all() }

// WaitRequest returns the first request that matches, among those so far or
// those to come.
func (s *NTPServer) WaitRequest(ctx context.Context, match func(TimeRequest) bool) (TimeRequest, error) {
	return s.requests.wait(ctx, match)
}

// answer fills in the server's packet of RFC 5905, section 7.3; nil if the
// request is none of a client, or nobody is answered.
func (s *NTPServer) answer(request []byte, arrived time.Time) []byte {
	if len(request) < ntpPacket || request[0]&7 != ntpClient {
		return nil
	}
	s.mu.Lock()
	shift, silent, lost := s.shift, s.silent, s.lost
	s.mu.Unlock()
	if silent {
		return nil
	}
	answer := make([]byte, ntpPacket)
	answer[0] = request[0]&0b00_111_000 | ntpServer // no leap second, the client's version
	answer[1] = 1                                   // stratum
	answer[2] = request[2]                          // poll interval
	answer[3] = 0xec                                // precision, 2^-20 s
	binary.BigEndian.PutUint32(answer[8:], 66)      // root dispersion, 1 ms in 1/65536 s
	copy(answer[12:], "LOCL")                       // reference: a clock of its own
	putNTPTime(answer[16:], arrived.Add(shift).Truncate(time.Minute))
	copy(answer[24:32], request[40:48]) // when the client sent it
	putNTPTime(answer[32:], arrived.Add(shift))
	putNTPTime(answer[40:], time.Now().Add(shift))
	if lost {
		answer[0] |= 0b11_000_000 // not synchronised (RFC 5905, section 7.3)
		answer[1] = 16
	}
	return answer
}

func putNTPTime(to []byte, t time.Time) {
	seconds := t.Unix() - ntpEra.Unix()
	binary.BigEndian.PutUint32(to, uint32(seconds)) // wraps in 2036, as it has to
	binary.BigEndian.PutUint32(to[4:], uint32(uint64(t.Nanosecond())<<32/1e9))
}
