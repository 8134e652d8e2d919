package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Child is a new guestd that is the daemon while it is tried.
type Child interface {
	// Proof receives what it says that the platform answered.
	Proof() <-chan []byte
	// Done is closed when it and its plugins have ended; End then says how.
	Done() <-chan struct{}
	End() string
	// Stop has it end, kills it if it does not, and returns when it is gone.
	Stop()
}

// Trial is how a new guestd is tried.
type Trial struct {
	// Launch starts the executable as the daemon, and gives it the nonce.
	Launch func(executable string, nonce []byte) (Child, error)
	// Check is nil if the answer is the platform's signature over the nonce.
	Check func(nonce, answer []byte) error
	// Random makes the nonce.
	Random io.Reader
}

const (
	// nonceSize is that of a confirmation (wire.NonceSize).
	nonceSize = 32
	// crashes is how often the new guestd may end by itself.
	crashes = 3
	// breath is the wait before it is started again, the first time.
	breath = time.Second
)

// Try tries the update that is ready. It returns true once the new guestd has
// proved to reach the platform and was ended again; Settle then gives it the
// name. It returns false when there is none to try or it was given up, which
// Report tells. The error is ctx's end: the next start gives the try up.
func (u *Updater) Try(ctx context.Context, t Trial) (bool, error) {
	r, err := u.load()
	if err != nil || r.Stage != Ready {
		return false, nil //nolint:nilerr // Settle has told of it
	}
	if err := u.matches(u.fresh(), r); err != nil {
		return false, u.rollBack(r, "the new guestd was spoiled before it was tried: "+err.Error())
	}
	// From here on a start that finds the record gives the try up.
	r.Stage = Trying
	if err := u.save(r); err != nil {
		return false, u.rollBack(r, err.Error())
	}
	reason, err := u.attempt(ctx, r, t)
	if err != nil {
		return false, err
	}
	if reason != "" {
		return false, u.rollBack(r, reason)
	}
	r.Stage = Proved
	if err := u.save(r); err != nil {
		return false, u.rollBack(r, err.Error())
	}
	return true, nil
}

// attempt runs the new guestd until it has proved itself or is given up for a
// reason.
func (u *Updater) attempt(ctx context.Context, r Record, t Trial) (reason string, err error) {
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(t.Random, nonce); err != nil {
		return "make a nonce: " + err.Error(), nil
	}
	window := time.NewTimer(r.Window)
	defer window.Stop()
	late := fmt.Sprintf("it did not reach the platform within %s", r.Window)
	for ended := 1; ; ended++ {
		child, err := t.Launch(u.fresh(), nonce)
		if err != nil {
			return "it cannot be started: " + err.Error(), nil
		}
		proved, why := watch(ctx, child, window.C, func(answer []byte) error { return t.Check(nonce, answer) })
		child.Stop()
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case proved:
			return "", nil
		case errors.Is(why, errLate):
			return late, nil
		case ended == crashes:
			return fmt.Sprintf("it ended %d times by itself, the last time with %s", crashes, child.End()), nil
		}
		u.o.Log.Warn("the new guestd that is tried has ended by itself", "how", child.End(), "time", ended)
		again := time.NewTimer(time.Duration(ended) * breath)
		select {
		case <-again.C:
		case <-window.C:
			return late, nil
		case <-ctx.Done():
			again.Stop()
			return "", context.Cause(ctx)
		}
	}
}

var (
	errLate  = errors.New("the window is over")
	errEnded = errors.New("it ended by itself")
)

// watch waits for a proof that holds. One that does not is as good as none.
func watch(ctx context.Context, child Child, over <-chan time.Time, check func(answer []byte) error) (bool, error) {
	for {
		select {
		case answer := <-child.Proof():
			if check(answer) == nil {
				return true, nil
			}
		case <-child.Done():
			return false, errEnded
		case <-over:
			return false, errLate
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// rollBack gives an update up: what is the daemon from here on is this guestd.
func (u *Updater) rollBack(r Record, reason string) error {
	u.o.Log.Error("the new guestd is given up; the old one goes on", "version", r.Version, "reason", reason)
	r.Stage, r.Reason = RolledBack, reason
	return errors.Join(u.save(r), u.discard())
}
