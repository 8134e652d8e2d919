package places

import (
	"context"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems/section"
)

// Service is a service that has to run while the desired value needs it.
type Service[D any] struct {
	Name string
	// Runs asks the system.
	Runs func(ctx context.Context, m guest.Machine) (bool, error)
	// Start is the command that starts it, for people: Backend.Settle has to
	// run it.
	Start string
	// Needed says whether the desired value needs it.
	Needed func(d D) bool
}

var _ Place[int] = Service[int]{}

const running = "running"

// Key implements Place.
func (s Service[D]) Key() string { return "service " + s.Name }

// Read implements Place.
func (s Service[D]) Read(ctx context.Context, m guest.Machine) (Value, error) {
	runs, err := s.Runs(ctx, m)
	if err != nil || !runs {
		return nil, err
	}
	return Some(running), nil
}

// Want implements Place.
func (s Service[D]) Want(d D, is Value) Value {
	if !s.Needed(d) {
		return is
	}
	return Some(running)
}

// Set leaves it to Settle. One that did not run before a change is left
// running: stopping it would lose what it does for others.
func (Service[D]) Set(context.Context, guest.Machine, Value, Value, bool) error { return nil }

// Tell implements Place.
func (s Service[D]) Tell(_, _ Value) section.Change {
	return section.Change{Summary: "start " + s.Name, Command: s.Start}
}
