package reconcile

import "time"

// Clock is the time the reconciler lives by.
type Clock interface {
	Now() time.Time
	// After is a channel that receives once d has passed, and a function that
	// gives the timer up.
	After(d time.Duration) (<-chan time.Time, func())
}

// SystemClock is the real time.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// After implements Clock.
func (SystemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
