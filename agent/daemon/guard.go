package daemon

import (
	"context"

	"innkeeper/agent/guardian"
	"innkeeper/agent/plugin"
	"innkeeper/agent/reconcile"
)

// guard is the guardian as the reconciler knows it.
type guard struct{ *guardian.Guardian }

// Arm implements reconcile.Guard.
func (g guard) Arm(ctx context.Context, o guardian.Order) (reconcile.Armed, error) {
	a, err := g.Guardian.Arm(ctx, o)
	if err != nil {
		return nil, err // and no *guardian.Armed that is nil inside
	}
	return a, nil
}

func (o Options) guard(s *plugin.Supervisor) reconcile.Guard {
	return guard{guardian.New(guardian.Options{
		StateDir: o.StateDir, Executable: o.Executable, Caller: s, Log: o.Log,
	})}
}

// confirm is the line's proof that the platform is reached, nil without one.
func (o Options) confirm() func(context.Context) error {
	if o.Line == nil {
		return nil
	}
	return o.Line.Confirm
}
