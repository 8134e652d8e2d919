package guardian

import "time"

// Instant is a moment in the life of a machine.
type Instant struct {
	// Boot tells one start of the machine from the others; empty where the
	// system has no name for it.
	Boot string
	// Up is the time since that start, time asleep included.
	Up time.Duration
}

// Clock tells where in its life the machine is. Nobody can set it.
type Clock interface {
	Now() Instant
}

// SystemClock is the machine's own.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

// Now implements Clock.
func (systemClock) Now() Instant { return Instant{Boot: bootID(), Up: uptime()} }
