package link

import (
	"bytes"
	"fmt"
	"net"
	"strconv"

	"innkeeper/agent/link/wire"
)

// maxLine is the length of the longest protocol line, in bytes: the server's
// INFO has about a thousand.
const maxLine = 64 << 10

// oversizeError says that the platform began to send more than any message of
// this protocol has.
type oversizeError struct {
	what string
	size uint64
	most uint64
}

// Error implements error.
func (e *oversizeError) Error() string {
	return fmt.Sprintf("the platform sends %s of %d bytes; at most %d are read", e.what, e.size, e.most)
}

// bounded ends a connection as soon as the platform announces a message that
// is too large, before the NATS library makes room for it: it would take the
// platform's word for up to 2 GiB.
type bounded struct {
	net.Conn
	skip    uint64 // what is left of a payload and its line end
	line    []byte
	refused error
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	if b.refused != nil {
		return 0, b.refused
	}
	n, err := b.Conn.Read(p)
	if b.refused = b.look(p[:n]); b.refused != nil {
		return 0, b.refused
	}
	return n, err
}

// look follows the stream from line to line, over payloads.
func (b *bounded) look(p []byte) error {
	for len(p) > 0 {
		if b.skip > 0 {
			n := min(b.skip, uint64(len(p)))
			b.skip -= n
			p = p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		if len(b.line)+len(part) > maxLine {
			return &oversizeError{what: "a line", size: uint64(len(b.line) + len(part)), most: maxLine}
		}
		b.line = append(b.line, part...)
		if end < 0 {
			return nil
		}
		p = p[end+1:]
		if err := b.announced(); err != nil {
			return err
		}
		b.line = b.line[:0]
	}
	return nil
}

// announced looks at a whole line: MSG and HMSG end with the size of what
// follows (docs.nats.io, client protocol). Lines that make no sense are the
// library's to refuse.
func (b *bounded) announced() error {
	fields := bytes.FieldsFunc(b.line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
	if len(fields) < 2 || !bytes.EqualFold(fields[0], []byte("MSG")) && !bytes.EqualFold(fields[0], []byte("HMSG")) {
		return nil
	}
	size, err := strconv.ParseUint(string(fields[len(fields)-1]), 10, 62)
	if err != nil {
		return nil
	}
	if size > wire.MaxPayload {
		return &oversizeError{what: "a message", size: size, most: wire.MaxPayload}
	}
	b.skip = size + uint64(len("\r\n"))
	return nil
}
