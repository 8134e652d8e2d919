package daemon

import (
	"context"
	"runtime/debug"
	"time"
)

// calm is how long nothing must have been reported for the daemon to be at
// rest.
const calm = 10 * time.Second

// slim has memory given back whenever the daemon has come to rest: what only
// its start or a change needed would else stay resident for as long as the
// machine runs. It returns when ctx ends.
func (d *daemon) slim(ctx context.Context, giveBack func()) {
	for {
		d.mu.Lock()
		moved := d.moved
		d.mu.Unlock()
		timer := time.NewTimer(calm)
		select {
		case <-timer.C:
			giveBack()
		case <-moved:
			timer.Stop()
			continue
		case <-ctx.Done():
			timer.Stop()
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// giveBack makes resident memory small: the heap, and the program itself.
func (d *daemon) giveBack() {
	debug.FreeOSMemory()
	if err := releaseProgram(); err != nil {
		d.o.Log.Debug("the program's pages stay resident", "error", err)
	}
}
