package lab

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// laneFrames bounds what is on its way in one direction; what comes on top is
// lost, as in a switch whose buffer is full. It is more than a TCP window of
// several connections.
const laneFrames = 4096

// Cable joins a card of the guest to the switch. It is whole at first. The
// guest's link stays up whatever happens here: QEMU's socket netdev carries
// frames, not the link's state.
type Cable struct {
	mu      sync.Mutex
	cut     bool
	delay   time.Duration
	drop    float64
	changed chan struct{} // closed when the delay changes

	toGuest, fromGuest lane
}

// lane is one direction of a cable.
type lane struct {
	cable *Cable
	queue chan transit
	dice  *rand.Rand // guarded by the cable's mu
	lost  uint64     // guarded by the cable's mu
	moved uint64     // guarded by the cable's mu
	held  uint64     // on their way now; guarded by the cable's mu
}

type transit struct {
	frame   []byte
	entered time.Time
}

func newCable() *Cable {
	c := &Cable{changed: make(chan struct{})}
	c.toGuest = lane{cable: c, queue: make(chan transit, laneFrames)}
	c.fromGuest = lane{cable: c, queue: make(chan transit, laneFrames)}
	return c
}

// Cut cuts the cable: every frame is lost, those on their way too.
func (c *Cable) Cut() { c.setCut(true) }

// Mend undoes Cut.
func (c *Cable) Mend() { c.setCut(false) }

func (c *Cable) setCut(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}

// Delay makes every frame take that long in each direction, also those on
// their way; 0 makes the cable fast again. Frames stay in order.
func (c *Cable) Delay(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = d
	close(c.changed)
	c.changed = make(chan struct{})
}

// Drop loses each frame with that probability, 0 to 1. The seed fixes which
// ones: in each direction, the same numbers of the frames sent from now on.
func (c *Cable) Drop(probability float64, seed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = probability
	c.toGuest.dice = rand.New(rand.NewPCG(seed, 1))
	c.fromGuest.dice = rand.New(rand.NewPCG(seed, 2))
}

// CableCounts tells what a cable has carried.
type CableCounts struct {
	ToGuest, FromGuest         uint64 // frames delivered
	LostToGuest, LostFromGuest uint64 // by a cut, by chance or for want of room
	HeldToGuest, HeldFromGuest uint64 // on their way now
}

// Counts tells what the cable has carried so far.
func (c *Cable) Counts() CableCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CableCounts{
		ToGuest: c.toGuest.moved, LostToGuest: c.toGuest.lost, HeldToGuest: c.toGuest.held,
		FromGuest: c.fromGuest.moved, LostFromGuest: c.fromGuest.lost, HeldFromGuest: c.fromGuest.held,
	}
}

// enter puts a frame on its way. It never blocks.
func (l *lane) enter(frame []byte) {
	c := l.cable
	c.mu.Lock()
	defer c.mu.Unlock()
	lost := c.cut
	// The dice is thrown for each frame, cut or not, so that what the seed
	// picks depends on the frames alone.
	if c.drop > 0 && l.dice.Float64() < c.drop {
		lost = true
	}
	if !lost {
		select {
		case l.queue <- transit{frame, time.Now()}:
			l.held++
			return
		default:
		}
	}
	l.lost++
}

// run delivers frames when their time has come, until the context ends.
func (l *lane) run(ctx context.Context, deliver func(frame []byte)) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-l.queue:
			if !l.travel(ctx, t) {
				return
			}
			if l.arrives() {
				deliver(t.frame)
			}
		}
	}
}

// travel waits until the frame is due. It says false if the context ended.
func (l *lane) travel(ctx context.Context, t transit) bool {
	for {
		l.cable.mu.Lock()
		delay, changed := l.cable.delay, l.cable.changed
		l.cable.mu.Unlock()
		left := delay
		if delay > 0 {
			left = time.Until(t.entered.Add(delay))
		}
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (l *lane) arrives() bool {
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	l.held--
	if l.cable.cut {
		l.lost++
		return false
	}
	l.moved++
	return true
}
