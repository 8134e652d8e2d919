package reconcile

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"innkeeper/agent/state"
)

// changed says that there may be something new to report.
func (r *Reconciler) changed() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// report gives out every report that differs from the last until ctx ends. Changes that come while
// one is given out are in the next one together.
func (r *Reconciler) report(ctx context.Context, last state.Reported) {
	for {
		now := r.Reported()
		r.mu.Lock()
		resend := r.resend
		r.resend = false
		r.mu.Unlock()
		if resend || !unchanged(last, now) {
			r.o.Report(now)
			last = now
		}
		select {
		case <-r.news:
		case <-ctx.Done():
			return
		}
	}
}

func unchanged(a, b state.Reported) bool {
	a.Time = b.Time
	return reflect.DeepEqual(a, b)
}

// Reported is how everything stands at this moment.
func (r *Reconciler) Reported() state.Reported {
	r.mu.Lock()
	keepers := maps.Clone(r.keepers)
	now := state.Reported{
		Guest: r.o.Guest, Revision: r.accepted.Revision, Refused: r.refused,
		System: r.o.System, Agent: r.o.Agent, Time: r.o.Clock.Now().UTC(),
	}
	now.Agent.Notes = slices.Concat(r.o.Agent.Notes, r.notes, r.o.Catalogue.Notes())
	sections := make(map[string]state.Section, len(keepers))
	for name, k := range keepers {
		if s, managed := k.status(); managed {
			sections[name] = s
		}
	}
	r.mu.Unlock()
	now.Agent.Capabilities = r.o.Catalogue.Sections()
	now.Sections = sections
	return now
}
