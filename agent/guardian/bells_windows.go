package guardian

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"

	"innkeeper/agent/guest/detached"
)

// The bells between daemon and guardian are three named objects of the
// system: an event that has the guardian look at its order, an event that is
// set when it is ready, and a mutex that it holds for as long as it lives. The
// system gives the mutex up when its holder ends, however it ends.
type bells struct {
	id          string
	wake, begun windows.Handle
}

func isBell(string) bool { return false }

func objectName(id, what string) (*uint16, error) {
	return windows.UTF16PtrFromString(`Global\guestd-guardian-` + id + "-" + what)
}

// event makes or opens a named event.
func event(id, what string, manual uint32) (windows.Handle, error) {
	name, err := objectName(id, what)
	if err != nil {
		return 0, err
	}
	h, err := windows.CreateEvent(nil, manual, 0, name)
	if h == 0 {
		return 0, fmt.Errorf("create the event %s: %w", windows.UTF16PtrToString(name), err)
	}
	return h, nil // an error beside a handle says that it was there
}

func attach(_, id string) *bells { return &bells{id: id} }

// prepare makes the bells of a new order.
func prepare(dir, id string) (*bells, error) {
	b := attach(dir, id)
	var err error
	if b.wake, err = event(id, "wake", 0); err != nil {
		return nil, err
	}
	if b.begun, err = event(id, "ready", 1); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// ready waits until the guardian is.
func (b *bells) ready(ctx context.Context, p *detached.Process) error {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := make(chan struct{})
	defer func() { cancel(nil); <-watch }()
	go func() {
		defer close(watch)
		select {
		case <-p.Done():
			cancel(fmt.Errorf("the guardian ended at once: %v", p.State()))
		case <-ctx.Done():
		}
	}()
	_, err := await(ctx, b.begun)
	return err
}

// ring has the guardian look at its order. One that is gone needs no ring.
func (b *bells) ring() {
	h := b.wake
	if h == 0 {
		name, err := objectName(b.id, "wake")
		if err != nil {
			return
		}
		if h, err = windows.OpenEvent(windows.EVENT_MODIFY_STATE, false, name); err != nil {
			return
		}
		defer func() { _ = windows.CloseHandle(h) }()
	}
	_ = windows.SetEvent(h)
}

// ended waits until there is no guardian of the order.
func (b *bells) ended(ctx context.Context) error {
	name, err := objectName(b.id, "life")
	if err != nil {
		return err
	}
	h, err := windows.OpenMutex(windows.SYNCHRONIZE|windows.MUTEX_MODIFY_STATE, false, name)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the guardian's mutex: %w", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	runtime.LockOSThread() // a mutex is its thread's
	defer runtime.UnlockOSThread()
	if _, err := await(ctx, h); err != nil {
		return err
	}
	return windows.ReleaseMutex(h)
}

func (b *bells) close() {
	for _, h := range []*windows.Handle{&b.wake, &b.begun} {
		if *h != 0 {
			_ = windows.CloseHandle(*h)
			*h = 0
		}
	}
}

// remove has nothing to do: an object ends with its last handle.
func (b *bells) remove() {}

// post is the guardian's end of the bells.
type post struct {
	id    string
	stop  windows.Handle
	woken chan struct{} // of capacity 1
	ended chan struct{}
}

func takePost(_, id string) (*post, error) {
	stop, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, err
	}
	p := &post{id: id, stop: stop, woken: make(chan struct{}, 1), ended: make(chan struct{})}
	held := make(chan error)
	go p.listen(held)
	if err := <-held; err != nil {
		<-p.ended
		_ = windows.CloseHandle(stop)
		return nil, err
	}
	return p, nil
}

// listen holds the mutex, which is its thread's, and hears the bell.
func (p *post) listen(held chan<- error) {
	defer close(p.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	life, wake, err := p.hold()
	held <- err
	if err != nil {
		return
	}
	defer func() {
		_ = windows.CloseHandle(wake)
		_ = windows.ReleaseMutex(life)
		_ = windows.CloseHandle(life)
	}()
	for {
		which, err := windows.WaitForMultipleObjects([]windows.Handle{p.stop, wake}, false, windows.INFINITE)
		if err != nil || which == windows.WAIT_OBJECT_0 {
			return
		}
		select {
		case p.woken <- struct{}{}:
		default:
		}
	}
}

func (p *post) hold() (life, wake windows.Handle, err error) {
	name, err := objectName(p.id, "life")
	if err != nil {
		return 0, 0, err
	}
	if life, err = windows.CreateMutex(nil, true, name); life == 0 || err != nil {
		return 0, 0, fmt.Errorf("create the guardian's mutex: %w", err)
	}
	if wake, err = event(p.id, "wake", 0); err != nil {
		_ = windows.CloseHandle(life)
		return 0, 0, err
	}
	return life, wake, nil
}

// ready tells the daemon that the guardian waits.
func (p *post) ready() error {
	h, err := event(p.id, "ready", 1)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	return windows.SetEvent(h)
}

func (p *post) leave() {
	_ = windows.SetEvent(p.stop)
	<-p.ended
	_ = windows.CloseHandle(p.stop)
}

// await waits for an object or the end of ctx.
func await(ctx context.Context, h windows.Handle) (uint32, error) {
	cut, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return 0, err
	}
	cutDone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(cutDone); _ = windows.SetEvent(cut) })
	defer func() {
		if !stop() {
			<-cutDone
		}
		_ = windows.CloseHandle(cut)
	}()
	which, err := windows.WaitForMultipleObjects([]windows.Handle{h, cut}, false, windows.INFINITE)
	switch {
	case err != nil:
		return 0, err
	case which == windows.WAIT_OBJECT_0+1:
		return 0, context.Cause(ctx)
	}
	return which, nil // WAIT_OBJECT_0, or WAIT_ABANDONED_0 of a mutex whose holder ended
}
