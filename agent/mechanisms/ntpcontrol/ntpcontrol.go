// Package ntpcontrol asks a running ntpd whom it follows, by the control
// messages that ntpq(8) sends as well (RFC 9327, NTP's mode 6). It takes no
// process, and no words that differ by version have to be read.
package ntpcontrol

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Local is where ntpd answers its own machine.
const Local = "127.0.0.1:123"

// Status is what ntpd tells of the clock.
type Status struct {
	// Source is the address of the server that it follows, empty if it follows
	// none.
	Source string
	// OffsetSeconds is how far the clock was from the source's when they were
	// last compared, without a sign.
	OffsetSeconds float64
}

// patience is how long one answer is waited for; it comes from this machine.
const patience = 2 * time.Second

// Ask asks the ntpd at an address, "host:port".
func Ask(ctx context.Context, address string) (Status, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return Status{}, fmt.Errorf("ask ntpd: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	system, err := readVariables(conn, 1, 0, "peer")
	if err != nil {
		return Status{}, fmt.Errorf("ask ntpd whom it follows: %w", err)
	}
	association, err := strconv.ParseUint(system["peer"], 10, 16)
	if err != nil {
		return Status{}, fmt.Errorf("ask ntpd whom it follows: %.40q is not the number of an association", system["peer"])
	}
	if association == 0 {
		return Status{}, nil
	}
	peer, err := readVariables(conn, 2, uint16(association), "srcadr,offset")
	if err != nil {
		return Status{}, fmt.Errorf("ask ntpd for the server that it follows: %w", err)
	}
	ms, err := strconv.ParseFloat(peer["offset"], 64)
	if err != nil || math.IsNaN(ms) || math.IsInf(ms, 0) {
		return Status{}, fmt.Errorf("ask ntpd for the server that it follows: the offset %.40q is not a number", peer["offset"])
	}
	return Status{Source: peer["srcadr"], OffsetSeconds: math.Abs(ms) / 1000}, nil
}

// The header of a control message (RFC 9327, section 2).
const (
	header       = 12
	modeControl  = 6
	version      = 2 // in which every ntpd since version 2 answers
	readVars     = 2
	bitResponse  = 1 << 7
	bitError     = 1 << 6
	bitMore      = 1 << 5
	opcodeMask   = 0x1f
	largestReply = 64 << 10
)

// readVariables asks for variables of an association, 0 for the system's own.
func readVariables(conn net.Conn, sequence, association uint16, names string) (map[string]string, error) {
	request := make([]byte, header, header+len(names)+3)
	request[0], request[1] = version<<3|modeControl, readVars
	binary.BigEndian.PutUint16(request[2:], sequence)
	binary.BigEndian.PutUint16(request[6:], association)
	binary.BigEndian.PutUint16(request[10:], uint16(len(names)))
	request = append(request, names...)
	for len(request)%4 != 0 {
		request = append(request, 0)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	var data []byte
	buffer := make([]byte, 2048)
	for len(data) < largestReply {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		f, err := parse(buffer[:n])
		if err != nil {
			return nil, err
		}
		if f.sequence != sequence {
			continue // late, of a question before
		}
		if f.offset != len(data) {
			return nil, errors.New("a part of its answer is missing")
		}
		data = append(data, f.data...)
		if !f.more {
			return variables(string(data)), nil
		}
	}
	return nil, errors.New("its answer has no end")
}

// fragment is one packet of an answer.
type fragment struct {
	sequence uint16
	offset   int
	more     bool
	data     []byte
}

// refusals are the error codes of RFC 9327, section 2, in words.
var refusals = map[byte]string{
	1: "authentication failed", 2: "bad format", 3: "unknown operation", 4: "unknown association",
	5: "unknown variable", 6: "bad value", 7: "prohibited by its configuration",
}

func parse(b []byte) (fragment, error) {
	if len(b) < header || b[0]&7 != modeControl || b[1]&bitResponse == 0 || b[1]&opcodeMask != readVars {
		return fragment{}, errors.New("what it sent is no answer to a control message")
	}
	if b[1]&bitError != 0 {
		why := refusals[b[4]]
		if why == "" {
			why = "error " + strconv.Itoa(int(b[4]))
		}
		return fragment{}, errors.New("it refuses: " + why)
	}
	count := int(binary.BigEndian.Uint16(b[10:]))
	if count > len(b)-header {
		return fragment{}, fmt.Errorf("its answer has %d bytes of %d", len(b)-header, count)
	}
	return fragment{
		sequence: binary.BigEndian.Uint16(b[2:]), offset: int(binary.BigEndian.Uint16(b[8:])),
		more: b[1]&bitMore != 0, data: b[header : header+count],
	}, nil
}

// variables reads "name=value, name="text"": what we ask for has no commas
// within quotes.
func variables(text string) map[string]string {
	found := map[string]string{}
	for item := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
		if ok {
			found[name] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return found
}
