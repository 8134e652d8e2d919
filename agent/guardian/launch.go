package guardian

import (
	"context"

	"innkeeper/agent/guest/detached"
)

// arguments start the guardian of an order.
func arguments(o Options, id string) []string {
	return []string{"guardian", "--state-dir", o.StateDir, id}
}

// launch starts the guardian of an order where nobody ends it with the daemon.
func launch(ctx context.Context, o Options, id string) (*detached.Process, error) {
	return detached.Start(ctx, o.Machine, detached.Program{
		Path: o.Executable, Args: arguments(o, id),
		Unit: "guestd-guardian-" + id, Description: "Innkeeper rollback, waiting to be disarmed",
	})
}
