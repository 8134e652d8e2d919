package reconcile_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
)

// After 10,000 transactions there are no more files than after one, and no
// more memory is held than after 1,000.
func TestTenThousandTransactionsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, disk := newMachine(), guesttest.New(nil)
		g := start(t, m, disk)
		var held, files int
		for i := 1; i <= 10_000; i++ {
			g.want(t, uint64(i), map[string]string{"a": fmt.Sprintf(`{"v":%d}`, i)})
			if i == 1_000 || i == 10_000 {
				if s := g.section("a"); s.Status != state.InSync || m.value("a") != fmt.Sprintf(`{"v":%d}`, i) {
					t.Fatalf("transaction %d: %+v", i, s)
				}
				// What the test itself keeps.
				m.called()
				disk.Forget()
				g.mu.Lock()
				g.reports = nil
				g.mu.Unlock()
				runtime.GC()
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				names := len(disk.Names())
				if i == 1_000 {
					held, files = int(now.HeapAlloc), names
				} else if grown := int(now.HeapAlloc) - held; grown > 1<<20 || names != files {
					t.Errorf("9,000 more transactions hold %d more bytes; %d files became %d", grown, files, names)
				}
			}
		}
	})
}
