package clock

import (
	"context"

	"innkeeper/agent/mechanisms/ntpcontrol"
	"innkeeper/agent/state"
)

// asker asks the running ntpd whom it follows.
type asker func(ctx context.Context) (ntpcontrol.Status, error)

func askLocal(ctx context.Context) (ntpcontrol.Status, error) {
	return ntpcontrol.Ask(ctx, ntpcontrol.Local)
}

// status adds what ntpd tells. One that does not tell is one that has nothing to
// tell yet.
func (ask asker) status(ctx context.Context, into *state.TimeActual) {
	if s, err := ask(ctx); err == nil && s.Source != "" {
		into.Source, into.OffsetSeconds = s.Source, &s.OffsetSeconds
	}
}
