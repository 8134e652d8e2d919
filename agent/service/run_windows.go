package service

import (
	"context"
	"fmt"

	"golang.org/x/sys/windows/svc"
)

func runManaged(ctx context.Context, run func(context.Context) error) error {
	h := &handler{ctx: ctx, run: run}
	if err := svc.Run(Name, h); err != nil {
		return fmt.Errorf("answer the service manager (%s is for it alone): %w", Argument, err)
	}
	return h.err
}

// handler is the daemon in the eyes of the service manager.
type handler struct {
	ctx context.Context
	run func(context.Context) error
	err error
}

// failed is the service-specific exit code of a daemon that ended with an error.
const failed = 1

// Execute implements svc.Handler. It says that it runs before the daemon has
// done anything: the manager gives a service 30 s, and recovering from a power
// loss may take longer.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	status <- svc.Status{State: svc.StartPending}
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case h.err = <-ended:
			if h.err != nil {
				return true, failed
			}
			return false, 0
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopTime.Milliseconds())}
				cancel()
				h.err = <-ended
				return false, 0
			}
		}
	}
}
