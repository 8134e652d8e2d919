package daemon

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
)

// Memory is given back once after each spell of reports, and a daemon at rest
// is not woken for it.
func TestMemoryIsGivenBackAtRest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{moved: make(chan struct{}), status: statusFile{path: dir + "/status.json", machine: guest.Local()}}
		var times atomic.Int32
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.slim(ctx, func() { times.Add(1) })
		}()
		expect := func(after time.Duration, want int32) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if n := times.Load(); n != want {
				t.Errorf("it was given back %d times, want %d", n, want)
			}
		}
		expect(calm-time.Second, 0)
		d.report(state.Reported{})
		expect(2*time.Second, 0) // the report begins the wait anew
		expect(calm, 1)
		expect(time.Hour, 1)
		d.report(state.Reported{})
		d.report(state.Reported{})
		expect(calm+time.Second, 2)
		end()
		<-ended
	})
}
