package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"innkeeper/agent/link/wire"
)

// stream is a connection that reads what it is given.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func TestAMessageThatIsAnnouncedTooLargeEndsTheConnectionAtOnce(t *testing.T) {
	// Payloads that look like announcements are none.
	trap := "MSG x 1 99999999999"
	before := fmt.Sprintf("INFO {}\r\nMSG a 1 %d\r\n%s\r\nPING\r\nHMSG a 1 reply 12 %d\r\nNATS/1.0\r\n\r\n%s\r\n", len(trap), trap, 12+len(trap), trap)
	most := fmt.Sprintf("MSG a 1 %d\r\n%s\r\n", wire.MaxPayload, strings.Repeat("\n", wire.MaxPayload))
	for _, tooMuch := range []string{
		fmt.Sprintf("MSG a 1 %d\r\n", wire.MaxPayload+1), "HMSG a 1 r 12 67108864\r\n", "msg a\t1 9223372036854775807 \r\n",
		"INFO " + strings.Repeat("x", maxLine),
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "by the byte": iotest.OneByteReader} {
			if name != "whole" && strings.HasPrefix(tooMuch, "INFO") {
				continue // the same, and slow
			}
			after := strings.NewReader(before + most + tooMuch + strings.Repeat("y", 1<<20))
			read, err := io.ReadAll(&bounded{Conn: stream{Reader: wrap(after)}})
			var over *oversizeError
			if !errors.As(err, &over) {
				t.Errorf("%.40q, %s: %v after %d bytes", tooMuch, name, err, len(read))
			}
			if !bytes.HasPrefix([]byte(before+most), read[:min(len(read), len(before))]) {
				t.Errorf("%.40q, %s: what came before is altered", tooMuch, name)
			}
		}
	}
	read, err := io.ReadAll(&bounded{Conn: stream{Reader: strings.NewReader(before + most)}})
	if err != nil || string(read) != before+most {
		t.Errorf("what is not too large: %v, %d bytes", err, len(read))
	}
}

func FuzzBounded(f *testing.F) {
	f.Add([]byte("INFO {}\r\nMSG a 1 3\r\nabc\r\nPING\r\n"), 1)
	f.Add([]byte("HMSG a 1 12 99999999\r\n"), 7)
	f.Fuzz(func(t *testing.T, raw []byte, step int) {
		step = max(1, step&0xff)
		whole, pieces := &bounded{}, &bounded{}
		one := whole.look(raw)
		var other error
		for rest := raw; len(rest) > 0 && other == nil; rest = rest[min(step, len(rest)):] {
			other = pieces.look(rest[:min(step, len(rest))])
		}
		if (one == nil) != (other == nil) {
			t.Errorf("whole: %v; in pieces: %v", one, other)
		}
	})
}
