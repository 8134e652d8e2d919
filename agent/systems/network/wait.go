package network

import (
	"context"
	"fmt"
	"time"
)

// pause is how long between two looks at the machine. The kernel's messages
// cannot be waited for through a command that ends.
const pause = 250 * time.Millisecond

// wait looks again and again until nothing is missing, at most for limit. The
// error then says what still is.
func wait(ctx context.Context, limit time.Duration, missing func() (string, error)) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		what, err := missing()
		if err == nil && what == "" {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("not in force after %s: %s", limit, what)
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-end.C:
			again.Stop()
			return err
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
