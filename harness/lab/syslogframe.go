package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxSyslog bounds a record in a stream. Receivers need not take more than
// 8 KiB (RFC 5425, section 4.3.1); we are generous, so that what a guest sends
// is seen as it is.
const maxSyslog = 256 << 10

var errSyslogFrame = errors.New("malformed syslog framing")

// readSyslog reads one record in either framing of RFC 6587: octet counting
// if it begins with a digit, else up to a line feed. A record may come along
// with an error: the last one, not ended before the stream was.
func readSyslog(r *bufio.Reader) ([]byte, error) {
	first, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] < '0' || first[0] > '9' {
		return readSyslogLine(r)
	}
	size := 0
	for digits := 0; ; digits++ {
		c, err := r.ReadByte()
		if err != nil {
			return nil, truncated(err)
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' || digits == 0 && c == '0' {
			return nil, fmt.Errorf("%w: %q in the length of a record", errSyslogFrame, c)
		}
		size = size*10 + int(c-'0')
		if size > maxSyslog {
			return nil, fmt.Errorf("%w: a record of %d or more bytes, at most %d are taken", errSyslogFrame, size, maxSyslog)
		}
	}
	raw := make([]byte, size)
	n, err := io.ReadFull(r, raw)
	return raw[:n], truncated(err)
}

func readSyslogLine(r *bufio.Reader) ([]byte, error) {
	var raw []byte
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return raw, err
		case c == '\n':
			return raw, nil
		case len(raw) == maxSyslog:
			return raw, fmt.Errorf("%w: no line feed within %d bytes", errSyslogFrame, maxSyslog)
		}
		raw = append(raw, c)
	}
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the stream ends within a record", errSyslogFrame)
	}
	return err
}
