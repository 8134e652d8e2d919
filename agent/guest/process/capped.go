package process

import "sync"

// Capped keeps the first Limit bytes written to it and drops the rest, so
// that a writer never blocks and never costs more than Limit.
type Capped struct {
	Limit int
	// Overflow, if set, is called once, when the first byte is dropped.
	Overflow func()

	mu      sync.Mutex
	kept    []byte
	dropped int64
}

// Write implements io.Writer and never fails.
func (c *Capped) Write(p []byte) (int, error) {
	c.mu.Lock()
	room := min(c.Limit-len(c.kept), len(p))
	c.kept = append(c.kept, p[:room]...)
	first := c.dropped == 0 && room < len(p)
	c.dropped += int64(len(p) - room)
	c.mu.Unlock()
	if first && c.Overflow != nil {
		c.Overflow()
	}
	return len(p), nil
}

// Bytes is what was kept so far.
func (c *Capped) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.kept...)
}

// Dropped is how many bytes were not kept.
func (c *Capped) Dropped() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}
