package ntpcontrol

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
)

// daemon answers each question by what answers has for its association and
// variables; an answer that begins with "!" is an error's number.
func daemon(t *testing.T, answers map[string][]string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1024)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if n < header || n%4 != 0 || b[0] != 0x16 || b[1] != readVars {
				continue
			}
			association := binary.BigEndian.Uint16(b[6:])
			asked := string(b[header : header+binary.BigEndian.Uint16(b[10:])])
			key := "system " + asked
			if association != 0 {
				key = "peer " + asked
			}
			offset := 0
			for i, part := range answers[key] {
				reply := make([]byte, header, header+len(part)+3)
				copy(reply, b[:8])
				reply[1] |= bitResponse
				if i+1 < len(answers[key]) {
					reply[1] |= bitMore
				}
				if code, ok := strings.CutPrefix(part, "!"); ok {
					reply[1] |= bitError
					reply[4], part = code[0]-'0', ""
				}
				binary.BigEndian.PutUint16(reply[8:], uint16(offset))
				binary.BigEndian.PutUint16(reply[10:], uint16(len(part)))
				reply = append(reply, part...)
				for len(reply)%4 != 0 {
					reply = append(reply, 0)
				}
				if _, err := conn.WriteTo(reply, from); err != nil {
					return
				}
				offset += len(part)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

func TestAsk(t *testing.T) {
	const system, peer = "system peer", "peer srcadr,offset"
	for name, c := range map[string]struct {
		answers map[string][]string
		want    Status
		fails   string
	}{
		"a server": {
			answers: map[string][]string{system: {"peer=40321\r\n"}, peer: {"srcadr=198.51.100.124, offset=-62500.25\r\n"}},
			want:    Status{"198.51.100.124", 62.50025},
		},
		"in parts": {
			answers: map[string][]string{system: {"pe", "er=1"}, peer: {"srcadr=2001:db8::123, off", "set=0.000"}},
			want:    Status{"2001:db8::123", 0},
		},
		"nobody":         {answers: map[string][]string{system: {"peer=0"}}},
		"prohibited":     {answers: map[string][]string{system: {"!7"}}, fails: "whom it follows: it refuses: prohibited"},
		"no association": {answers: map[string][]string{system: {"peer=x"}}, fails: `"x" is not the number`},
		"no offset":      {answers: map[string][]string{system: {"peer=1"}, peer: {"srcadr=192.0.2.1, offset=NaN"}}, fails: `offset "NaN" is not`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Ask(t.Context(), daemon(t, c.answers))
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestNoDaemon(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), address); err == nil || !strings.Contains(err.Error(), "ask ntpd whom it follows") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x16\x82\x00\x01\x00\x00\x00\x00\x00\x00\x00\x06peer=1\x00\x00"))
	f.Add([]byte("\x16\xc2\x00\x01\x07\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err == nil && len(p.data) > len(b)-header {
			t.Fatalf("%d bytes of %d", len(p.data), len(b))
		}
		for name := range variables(string(p.data)) {
			if strings.Contains(name, ",") {
				t.Fatalf("a variable is called %q", name)
			}
		}
	})
}
