package lab

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture writes frames to one pcap file.
type capture struct {
	mu   sync.Mutex
	to   *pcapgo.Writer
	err  error
	done bool
}

// Capture writes every frame that enters the switch to w, as a pcap file with
// nanoseconds, until stop is called; stop tells the first error of w. What a
// cut cable lost on its way from the guest is not in it, what it lost on the
// way to the guest is. After stop, or the lab's Close and stop, w is not
// written to. A slow w slows the lab.
func (l *Lab) Capture(w io.Writer) (stop func() error, err error) {
	c := &capture{to: pcapgo.NewWriterNanos(w)}
	if err := c.to.WriteFileHeader(maxFrame, layers.LinkTypeEthernet); err != nil {
		return nil, fmt.Errorf("capture: write the pcap header: %w", err)
	}
	l.sw.mu.Lock()
	l.sw.captures[c] = struct{}{}
	l.sw.mu.Unlock()
	return func() error {
		l.sw.mu.Lock()
		delete(l.sw.captures, c)
		l.sw.mu.Unlock()
		return c.end()
	}, nil
}

func (c *capture) add(at time.Time, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done || c.err != nil {
		return
	}
	info := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(frame), Length: len(frame)}
	if err := c.to.WritePacket(info, frame); err != nil {
		c.err = fmt.Errorf("capture: write a frame: %w", err)
	}
}

func (c *capture) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	return c.err
}
