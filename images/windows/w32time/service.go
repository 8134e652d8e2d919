package w32time

import (
	"context"
	"time"
)

// Service is the service's work, apart from Windows.
type Service struct {
	// Configured reads the type and the peers.
	Configured func() (kind, peers string, err error)
	// Ask asks a peer.
	Ask func(peer string) (Status, error)
	// Move sets the clock forward, or back by less than nothing.
	Move func(by time.Duration) error
	// Keep keeps a status.
	Keep func(Status) error
	// Log tells what went wrong.
	Log func(error)
}

const (
	// phase is MaxAllowedPhaseOffset of a machine that is in no domain, and
	// correction its MaxPosPhaseCorrection and MaxNegPhaseCorrection: a clock
	// that is off by more than the one is set, by more than the other is left.
	phase      = time.Second
	correction = 54000 * time.Second
	// poll is how long a server is left alone that answered (MinPollInterval 6),
	// retry one that did not.
	poll  = 64 * time.Second
	retry = 15 * time.Second
)

// Run follows the configured peers until ctx ends, and begins anew when told so.
func (s Service) Run(ctx context.Context, anew <-chan struct{}) {
	for {
		timer := time.NewTimer(s.once())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-anew:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// once asks the first peer that answers, sets the clock by it, and says how long
// to wait.
func (s Service) once() time.Duration {
	kind, list, err := s.Configured()
	if err != nil || kind != "NTP" && kind != "AllSync" {
		s.keep(Status{}, err)
		return poll
	}
	peers, err := Peers(list)
	if err != nil {
		s.keep(Status{}, err)
		return poll
	}
	for _, peer := range peers {
		found, err := s.Ask(peer)
		if err != nil {
			s.Log(err)
			continue
		}
		if off := found.Offset.Abs(); off > phase && off <= correction {
			if err := s.Move(found.Offset); err != nil {
				s.Log(err)
			}
		}
		s.keep(found, nil)
		return poll
	}
	s.keep(Status{}, nil)
	return retry
}

func (s Service) keep(found Status, err error) {
	if err != nil {
		s.Log(err)
	}
	if err := s.Keep(found); err != nil {
		s.Log(err)
	}
}
