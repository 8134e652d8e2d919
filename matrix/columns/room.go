package columns

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// overheadMiB is what a guest costs beside its memory: QEMU's own, its
// translation cache, and the column's process with lab and platform.
const overheadMiB = 300

// room hands out memory for guests, so that a small machine runs fewer at a
// time in place of running out.
type room struct {
	total int64
	free  *semaphore.Weighted
}

func newRoom(totalMiB int) *room {
	total := int64(max(totalMiB, 1))
	return &room{total: total, free: semaphore.NewWeighted(total)}
}

// take waits for room for a guest of so much memory and returns what to give
// back. full is called if it has to wait.
func (r *room) take(ctx context.Context, memoryMiB int, full func()) (int64, error) {
	need := min(int64(memoryMiB+overheadMiB), r.total)
	if r.free.TryAcquire(need) {
		return need, nil
	}
	full()
	if err := r.free.Acquire(ctx, need); err != nil {
		return 0, context.Cause(ctx)
	}
	return need, nil
}

func (r *room) give(need int64) { r.free.Release(need) }
