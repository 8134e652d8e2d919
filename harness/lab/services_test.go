package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

func TestEveryHostAnswersPing(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	for _, p := range plan {
		for _, addr := range []netip.Addr{p.addr(), p.addr6()} {
			if err := g.ping(testContext(t), addr); err != nil {
				t.Errorf("ping %s (%s): %v", p.name, addr, err)
			}
		}
	}
}

// ping sends one echo request and waits for its answer.
func (g *fakeGuest) ping(ctx context.Context, to netip.Addr) error {
	var queue waiter.Queue
	kind, transport := byte(header.ICMPv4Echo), icmp.ProtocolNumber4
	if to.Is6() {
		kind, transport = byte(header.ICMPv6EchoRequest), icmp.ProtocolNumber6
	}
	ep, terr := g.stack.NewEndpoint(transport, protocolOf(to), &queue)
	if terr != nil {
		return errors.New(terr.String())
	}
	defer ep.Close()
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventErr)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	full := fullAddress(netip.AddrPortFrom(to, 0))
	request := []byte{kind, 0, 0, 0, 0, 0, 0, 1, 'p', 'i', 'n', 'g'}
	if to.Is4() {
		binary.BigEndian.PutUint16(request[2:], ^checksum.Checksum(request, 0))
	}
	if _, terr := ep.Write(strings.NewReader(string(request)), tcpip.WriteOptions{To: &full}); terr != nil {
		return errors.New(terr.String())
	}
	for {
		var got strings.Builder
		if _, terr := ep.Read(&got, tcpip.ReadOptions{}); terr == nil {
			if !strings.HasSuffix(got.String(), "ping") {
				return fmt.Errorf("answer %q", got.String())
			}
			return nil
		} else if _, wait := terr.(*tcpip.ErrWouldBlock); !wait {
			return errors.New(terr.String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		}
	}
}

// TestRouterRefusesTheInternet wants an answer at once, not a timeout.
func TestRouterRefusesTheInternet(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	_, err := g.dial(testContext(t), "tcp", "203.0.113.9:80")
	if err == nil || !strings.Contains(err.Error(), "network is unreachable") {
		t.Fatalf("%v, want network is unreachable", err)
	}
}

func exchange(t *testing.T, g *fakeGuest, network, name string, kind uint16) *dns.Msg {
	t.Helper()
	conn := &dns.Conn{Conn: g.mustDial(t, network, "198.51.100.53:53")}
	defer conn.Close()
	if network == "tcp" {
		return exchangeTCP(t, conn.Conn, name, kind)
	}
	query := new(dns.Msg).SetQuestion(name, kind)
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, query, buf[:n])
}

func exchangeTCP(t *testing.T, conn net.Conn, name string, kind uint16) *dns.Msg {
	t.Helper()
	query := new(dns.Msg).SetQuestion(name, kind)
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
		t.Fatal(err)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	return unpack(t, query, buf)
}

func unpack(t *testing.T, query *dns.Msg, packed []byte) *dns.Msg {
	t.Helper()
	answer := new(dns.Msg)
	if err := answer.Unpack(packed); err != nil {
		t.Fatal(err)
	}
	if answer.Id != query.Id || !answer.Response {
		t.Fatalf("not the answer: %v", answer)
	}
	return answer
}

func TestDNS(t *testing.T) {
	l := newTestLab(t, Options{})
	if err := l.DNS().SetA("files.example.net", netip.MustParseAddr("198.51.100.80")); err != nil {
		t.Fatal(err)
	}
	if err := l.DNS().SetA("short", netip.MustParseAddr("198.51.100.9")); err != nil {
		t.Fatal(err)
	}
	g := attach(t, l, 0)
	for _, c := range []struct {
		name   string
		kind   uint16
		code   int
		answer string // last field of the first record
	}{
		{"platform.lab.test.", dns.TypeA, dns.RcodeSuccess, "198.51.100.42"},
		{"PlatForm.Lab.Test.", dns.TypeA, dns.RcodeSuccess, "198.51.100.42"},
		{"log.lab.test.", dns.TypeA, dns.RcodeSuccess, "198.51.100.14"},
		{"guest.lab.test.", dns.TypeA, dns.RcodeSuccess, "198.51.100.100"},
		{"platform.lab.test.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"nobody.lab.test.", dns.TypeA, dns.RcodeNameError, ""},
		{"www.example.org.", dns.TypeA, dns.RcodeNameError, ""},
		{"files.example.net.", dns.TypeA, dns.RcodeSuccess, "198.51.100.80"},
		{"short.lab.test.", dns.TypeA, dns.RcodeSuccess, "198.51.100.9"},
		{"53.100.51.198.in-addr.arpa.", dns.TypePTR, dns.RcodeSuccess, "dns.lab.test."},
		{"9.9.9.9.in-addr.arpa.", dns.TypePTR, dns.RcodeNameError, ""},
		{"lab.test.", dns.TypeNS, dns.RcodeSuccess, "dns.lab.test."},
	} {
		for _, network := range []string{"udp", "tcp"} {
			answer := exchange(t, g, network, c.name, c.kind)
			got := ""
			if len(answer.Answer) > 0 {
				fields := strings.Fields(answer.Answer[0].String())
				got = fields[len(fields)-1]
				if fields[0] != c.name {
					t.Errorf("%s: the record is of %s", c.name, fields[0])
				}
			}
			if answer.Rcode != c.code || got != c.answer {
				t.Errorf("%s %s over %s: %s %q, want %s %q", c.name, dns.Type(c.kind), network,
					dns.RcodeToString[answer.Rcode], got, dns.RcodeToString[c.code], c.answer)
			}
		}
	}
	seen, err := l.DNS().WaitQuery(testContext(t), func(q Query) bool { return q.Name == "www.example.org." })
	if err != nil {
		t.Fatal(err)
	}
	if seen.Type != "A" || seen.Code != "NXDOMAIN" || seen.Network != "udp" || seen.From.Addr() != l.GuestAddr() {
		t.Errorf("logged as %+v", seen)
	}
	if err := l.DNS().SetA("short", netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if answer := exchange(t, g, "udp", "short.lab.test.", dns.TypeA); answer.Rcode != dns.RcodeNameError {
		t.Error("a name that was taken away is still there")
	}
}

func TestSetARefusesNonsense(t *testing.T) {
	l := newTestLab(t, Options{})
	for name, addr := range map[string]string{
		"":                              "198.51.100.1",
		"a..b":                          "198.51.100.1",
		strings.Repeat("x", 64) + ".y.": "198.51.100.1",
		"six.lab.test":                  "2001:db8::1",
	} {
		if err := l.DNS().SetA(name, netip.MustParseAddr(addr)); err == nil {
			t.Errorf("%q to %s: no error", name, addr)
		}
	}
}

func TestDNSSurvivesGarbage(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	conn := g.mustDial(t, "udp", "198.51.100.53:53")
	for _, garbage := range []string{"x", strings.Repeat("\xff", 500), "\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"} {
		if _, err := io.WriteString(conn, garbage); err != nil {
			t.Fatal(err)
		}
	}
	if answer := exchange(t, g, "udp", "log.lab.test.", dns.TypeA); len(answer.Answer) != 1 {
		t.Error(answer)
	}
	if n := len(l.DNS().Queries()); n != 1 {
		t.Errorf("%d queries logged, want the one that was one", n)
	}
}

func TestNTP(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	for _, shift := range []time.Duration{0, 40 * 24 * time.Hour, -time.Hour} {
		l.NTP().Shift(shift)
		conn := g.mustDial(t, "udp", "198.51.100.123:123")
		request := make([]byte, 48)
		request[0] = 4<<3 | 3
		copy(request[40:], "originat")
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		if n != 48 || answer[0] != 4<<3|4 || answer[1] != 1 || string(answer[24:32]) != "originat" {
			t.Errorf("answer % x", answer[:n])
		}
		told := time.Unix(int64(binary.BigEndian.Uint32(answer[40:]))-2208988800, 0)
		if off := time.Until(told) - shift; off.Abs() > 2*time.Second {
			t.Errorf("shifted by %s: off by %s", shift, off)
		}
	}
	seen, err := l.NTP().WaitRequest(testContext(t), func(TimeRequest) bool { return true })
	if err != nil || seen.Version != 4 || seen.From.Addr() != l.GuestAddr() {
		t.Errorf("logged as %+v, %v", seen, err)
	}
}

// The two time servers go by clocks of their own.
func TestAnotherNTPServer(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	l.NTP().Silence(true)
	l.Clock().Shift(time.Hour)
	conn := g.mustDial(t, "udp", "198.51.100.124:123")
	request := make([]byte, 48)
	request[0] = 4<<3 | 3
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	if _, err := conn.Read(answer); err != nil {
		t.Fatal(err)
	}
	told := time.Unix(int64(binary.BigEndian.Uint32(answer[40:]))-2208988800, 0)
	if off := time.Until(told) - time.Hour; off.Abs() > 2*time.Second {
		t.Errorf("off by %s", off)
	}
	if n := len(l.NTP().Requests()); n != 0 {
		t.Errorf("the other server answered %d requests", n)
	}
}

func TestNTPAnswersClientsOnly(t *testing.T) {
	var s NTPServer
	now := time.Now()
	for name, request := range map[string][]byte{
		"short":     make([]byte, 47),
		"a server":  append([]byte{4<<3 | 4}, make([]byte, 47)...),
		"broadcast": append([]byte{4<<3 | 5}, make([]byte, 47)...),
		"empty":     nil,
	} {
		if s.answer(request, now) != nil {
			t.Errorf("%s is answered", name)
		}
	}
}

func TestANTPServerThatHasLostTheTime(t *testing.T) {
	var s NTPServer
	request := make([]byte, 48)
	request[0] = 4<<3 | 3
	s.Lose(true)
	if answer := s.answer(request, time.Now()); answer[0]>>6 != 3 || answer[1] != 16 {
		t.Errorf("answer % x", answer)
	}
	s.Lose(false)
	if answer := s.answer(request, time.Now()); answer[0]>>6 != 0 || answer[1] != 1 {
		t.Errorf("found again: % x", answer)
	}
}

func TestASilentNTPServerAnswersNobody(t *testing.T) {
	var s NTPServer
	request, now := append([]byte{4<<3 | 3}, make([]byte, 47)...), time.Now()
	s.Silence(true)
	if s.answer(request, now) != nil {
		t.Error("it answers")
	}
	s.Silence(false)
	if s.answer(request, now) == nil {
		t.Error("it is silent for ever")
	}
}

func TestMirror(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	body := strings.Repeat("package ", 1<<17) // 1 MiB
	serve := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	for _, text := range []string{"the old one", body} {
		if err := l.Mirror().Handle("GET /pool/", serve(text)); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{DialContext: g.dial, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: testTimeout}
	for path, want := range map[string]int{"/pool/a.deb?x=1": http.StatusOK, "/none": http.StatusNotFound} {
		for _, host := range []string{"198.51.100.80", "[2001:db8:77::80]"} {
			response, err := client.Get("http://" + host + path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != want || want == http.StatusOK && string(got) != body {
				t.Errorf("%s%s: status %d, %d bytes, %v", host, path, response.StatusCode, len(got), err)
			}
		}
	}
	seen, err := l.Mirror().WaitRequest(testContext(t), func(r MirrorRequest) bool { return r.Status == http.StatusNotFound })
	if err != nil || seen.URL != "/none" || seen.Method != "GET" || !seen.From.IsValid() {
		t.Errorf("logged as %+v, %v", seen, err)
	}
	if err := l.Mirror().Handle("GET nonsense {", serve("")); err == nil {
		t.Error("a pattern that is none: no error")
	}
	if err := l.Mirror().Handle("/pool/{file}/x", nil); err == nil {
		t.Error("no handler: no error")
	}
	if response, err := client.Get("http://198.51.100.80/pool/b"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("after a refused pattern: %v", err)
	} else {
		response.Body.Close()
	}
}
