package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// ethernetHeader is the length of destination, source and type.
	ethernetHeader = 14
	// minFrame is the shortest frame on a real wire, without its check sum
	// (IEEE 802.3); some emulated cards drop what is shorter.
	minFrame = 60
	// maxFrame is the longest frame QEMU takes: its NET_BUFSIZE, 4 KiB and
	// 64 KiB. A longer length can only be a stream that has gone out of step.
	maxFrame = 4<<10 + 64<<10
)

// errFrameLength is in the error about a length that no frame can have.
var errFrameLength = errors.New("frame length out of range")

// readFrame reads one frame as QEMU's stream socket netdev writes it: the
// length as four bytes, big end first, then the frame (net/socket.c in QEMU).
// It returns io.EOF if the stream ends between two frames.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes, want 1 to %d", errFrameLength, n, maxFrame)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return frame, nil
}

// appendFrame appends the frame as it goes over the stream.
func appendFrame(to, frame []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(frame)))
	return append(to, frame...)
}
