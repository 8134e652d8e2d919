package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// Host is a connection to a libvirt daemon.
type Host struct {
	conn    *libvirt.Libvirt
	wire    net.Conn
	version string
	lives   *lives
	resets  resets
	probe   func() (Accelerator, string)

	open   context.Context    // until Close: how long events are streamed
	cancel context.CancelFunc // ends the streams of events
	events sync.WaitGroup     // those that read them
	calls  sync.WaitGroup     // requests under way, left by their callers or not
}

// Connect connects to the libvirt daemon behind a unix socket.
func Connect(ctx context.Context, socket string) (*Host, error) {
	op := "connect to libvirt at " + socket
	wire, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, &HostError{op, err, "is the daemon running?"}
	}
	// Its requests know no context: closing the connection ends them.
	stop := context.AfterFunc(ctx, func() { wire.Close() })
	h := &Host{
		conn: libvirt.NewWithDialer(dialers.NewAlreadyConnected(wire)), wire: wire,
		lives: newLives(), probe: sync.OnceValues(chooseAccelerator),
	}
	if err := h.start(op); err != nil {
		stop()
		wire.Close()
		return nil, errors.Join(err, context.Cause(ctx))
	}
	if !stop() {
		return nil, errors.Join(&HostError{op, context.Cause(ctx), ""}, h.Close())
	}
	return h, nil
}

func (h *Host) start(op string) error {
	if err := h.conn.ConnectToURI(libvirt.QEMUSystem); err != nil {
		return &HostError{op, err, "is libvirt-daemon-driver-qemu installed?"}
	}
	qemu, err := h.conn.ConnectGetVersion()
	if err != nil {
		return &HostError{op, err, "is qemu-system-x86 installed?"}
	}
	lib, err := h.conn.ConnectGetLibVersion()
	if err != nil {
		return &HostError{op, err, ""}
	}
	h.version = fmt.Sprintf("qemu %d, libvirt %d", qemu, lib)
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := h.conn.LifecycleEvents(ctx)
	if err != nil {
		cancel()
		return &HostError{op, err, ""}
	}
	h.open, h.cancel = ctx, cancel
	h.events.Go(func() { h.lives.follow(stream) })
	return nil
}

// Version names the versions of QEMU and libvirt, which a saved state depends on.
func (h *Host) Version() string { return h.version }

// hangTimeout bounds the wait for requests that were left under way and for
// libvirt's goodbye when a connection is closed.
const hangTimeout = 30 * time.Second

// Close waits for what was left under way and ends the connection; domains run
// on.
func (h *Host) Close() error {
	hung := time.AfterFunc(hangTimeout, func() { h.wire.Close() })
	h.calls.Wait()
	h.cancel()
	err := h.conn.Disconnect()
	h.events.Wait()
	if !hung.Stop() {
		return &HostError{"disconnect from libvirt", fmt.Errorf("cut off, as it did not answer within %s", hangTimeout), "the log of its daemon may tell why"}
	}
	if err != nil && h.conn.IsConnected() {
		return &HostError{"disconnect from libvirt", err, ""}
	}
	return nil
}

// call runs a request, which libvirt's protocol cannot cancel, and returns
// when it or ctx ends. Close waits for requests that were left.
func (h *Host) call(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	h.calls.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
