package update

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// What the old guestd and the new one that it tries say to each other: one
// line each, over the new one's standard input and output. The end of its
// input tells the new one to end.
const (
	nonceWord = "innkeeper try 1 "
	proofWord = "innkeeper proof 1 "
	// maxWords is the length of the longest line that is read, in bytes; the
	// platform's answer has some hundred.
	maxWords = 8 << 10
)

// Seat is the new guestd's end.
type Seat struct {
	// Nonce is what the platform is to sign.
	Nonce []byte
	in    *bufio.Reader
	out   io.Writer
}

// TakeSeat reads the nonce.
func TakeSeat(in io.Reader, out io.Writer) (*Seat, error) {
	s := &Seat{in: bufio.NewReaderSize(in, maxWords), out: out}
	line, err := s.in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("nobody tries this guestd: %w; the daemon is started without --trial", err)
	}
	if s.Nonce, err = said(nonceWord, line); err != nil || len(s.Nonce) != nonceSize {
		return nil, errors.New("nobody tries this guestd: what it was told is no nonce; the daemon is started without --trial")
	}
	return s, nil
}

// Until ends the context that it gives when the old guestd wants the new one to
// end, or is no more itself. What reads for it ends with the process.
func (s *Seat) Until(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, s.in)
		cancel(errors.New("the guestd that tries this one wants it to end"))
	}()
	return ctx
}

// Prove tells the platform's answer.
func (s *Seat) Prove(answer []byte) error {
	_, err := s.out.Write(say(proofWord, answer))
	return err
}

func say(word string, what []byte) []byte {
	return []byte(word + base64.StdEncoding.EncodeToString(what) + "\n")
}

func said(word string, line []byte) ([]byte, error) {
	text, ours := bytes.CutPrefix(bytes.TrimSpace(line), []byte(word))
	if !ours {
		return nil, errors.New("it begins otherwise")
	}
	return base64.StdEncoding.AppendDecode(nil, text)
}

// hearing gives out the proofs in what is written to it and drops all else.
type hearing struct {
	line  []byte
	proof chan []byte // of capacity 1: the first that is not taken yet
}

// Write implements io.Writer.
func (h *hearing) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' {
			if len(h.line) <= maxWords {
				h.line = append(h.line, b)
			}
			continue
		}
		if answer, err := said(proofWord, h.line); err == nil && len(h.line) <= maxWords {
			select {
			case h.proof <- answer:
			default:
			}
		}
		h.line = h.line[:0]
	}
	return len(p), nil
}
