package section

import "context"

type progressKey struct{}

// WithProgress gives ctx a listener for Progress. The plugin protocol does
// this; a driver only calls Progress.
func WithProgress(ctx context.Context, listen func(message string, percent int)) context.Context {
	return context.WithValue(ctx, progressKey{}, listen)
}

// Progress tells whoever waits how far an operation is, percent from 0 to 100
// or -1 when it cannot be known.
func Progress(ctx context.Context, message string, percent int) {
	if listen, ok := ctx.Value(progressKey{}).(func(string, int)); ok {
		listen(message, percent)
	}
}
