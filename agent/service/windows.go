package service

import "context"

// Argument is what the Windows service manager adds to "guestd run", so that
// guestd knows whom it has to answer. Elsewhere it means nothing.
const Argument = "--service"

// Windows is a service of the Windows service manager, which is there only in
// a guestd built for Windows.
func Windows(binary string) Service { return windowsService{binary} }

type windowsService struct{ binary string }

// Install implements Service.
func (w windowsService) Install(ctx context.Context) error { return w.install(ctx) }

// Uninstall implements Service.
func (w windowsService) Uninstall(ctx context.Context) error { return w.uninstall(ctx) }

// Replace implements Replacer.
func (w windowsService) Replace(ctx context.Context, swap func() error) error {
	return w.replace(ctx, swap)
}

// Running implements Service.
func (w windowsService) Running(ctx context.Context) (bool, error) { return w.running(ctx) }

// Run runs the daemon to its end. Managed says that the Windows service
// manager started it (Argument): its requests to stop then end run's context,
// and an error of run makes the manager start it again. Otherwise run is
// called, and that is all.
func Run(ctx context.Context, managed bool, run func(ctx context.Context) error) error {
	if managed {
		return runManaged(ctx, run)
	}
	return run(ctx)
}
