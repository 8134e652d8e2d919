package reconcile

import (
	"context"
	"fmt"
	"time"

	"innkeeper/agent/state"
)

// patience bounds the wait for a section that this one comes after: two that
// come after each other would wait for ever.
const patience = 15 * time.Minute

// dependencies waits until the sections that this one comes after have settled
// on the same revision. Its error names the one without which this cannot be.
func (k *keeper) dependencies(ctx context.Context, after []string, t target) error {
	if len(after) == 0 {
		return nil
	}
	over, stop := k.r.o.Clock.After(patience)
	defer stop()
	for _, name := range after {
		for {
			settled := k.r.nextSettled()
			s, managed := k.r.standing(name)
			if !managed || name == k.name {
				break
			}
			waits := s.Revision < t.revision || s.Status == state.Applying || s.Status == state.AwaitingConfirmation
			if !waits {
				if s.Status == state.InSync || s.Status == state.Drifted {
					break
				}
				return fmt.Errorf("it comes after section %s, which is %s: %s", name, s.Status, s.Message)
			}
			select {
			case <-settled:
			case <-over:
				return fmt.Errorf("it comes after section %s, which has not settled within %s", name, patience)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// standing is how a section stands, false if it is not managed.
func (r *Reconciler) standing(name string) (state.Section, bool) {
	r.mu.Lock()
	k := r.keepers[name]
	r.mu.Unlock()
	if k == nil {
		return state.Section{}, false
	}
	return k.status()
}

// nextSettled is closed when a section settles after this call.
func (r *Reconciler) nextSettled() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settled
}

func (r *Reconciler) tellSettled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.settled)
	r.settled = make(chan struct{})
}
