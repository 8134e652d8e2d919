package plugin

import (
	"math/rand/v2"
	"time"
)

// The bounds of the time between two tries of a section that fails.
const (
	firstBackoff = 5 * time.Second
	mostBackoff  = 10 * time.Minute
)

// Backoff spaces out the tries of one section that keeps failing. Its zero
// value has seen no failure.
type Backoff struct {
	Failures int
	next     time.Time
}

// Fail notes a failure and says when the next try may be: 5 s later after the
// first, then twice as long each time up to 10 min, a fifth more or less, so
// that many guests do not try at once.
func (b *Backoff) Fail(now time.Time) time.Time {
	wait := mostBackoff
	if b.Failures < 8 {
		wait = min(firstBackoff<<b.Failures, mostBackoff)
	}
	b.Failures++
	b.next = now.Add(wait*4/5 + rand.N(wait*2/5))
	return b.next
}

// Next is when the next try may be, the zero time for at once.
func (b *Backoff) Next() time.Time { return b.next }

// Reset forgets all failures.
func (b *Backoff) Reset() { *b = Backoff{} }
