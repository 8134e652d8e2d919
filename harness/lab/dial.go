package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

const (
	// guestAttempt is how long one attempt at a guest's port may take. Within
	// it the stack asks for the neighbour and repeats its SYN.
	guestAttempt = 3 * time.Second
	// guestPause is between attempts that were refused: the guest is there,
	// the service not yet.
	guestPause = 100 * time.Millisecond
)

// Dial connects from the router into the lab. The network is tcp or udp, with
// or without 4 or 6; the host is an address or a name that the lab's name
// server knows.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return l.DialFrom(ctx, "router", network, address)
}

// DialFrom is Dial from the host of that short name, such as "far".
func (l *Lab) DialFrom(ctx context.Context, from, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, fmt.Errorf("lab: dial %s %s from %s: %w", network, address, from, err)
	}
	host := l.hosts[from]
	if host == nil {
		return fail(errors.New("the lab has no such host"))
	}
	to, err := l.resolve(address)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life.ctx, func() { cancel(net.ErrClosed) })()
	full, protocol := fullAddress(to), protocolOf(to.Addr())
	if v := network[len(network)-min(1, len(network)):]; v == "4" && !to.Addr().Is4() || v == "6" && to.Addr().Is4() {
		return fail(fmt.Errorf("%s is not an address of that network", to.Addr()))
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
		conn, err := gonet.DialContextTCP(ctx, host.stack, full, protocol)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fail(err)
		}
		return conn, nil
	case "udp", "udp4", "udp6":
		if err := context.Cause(ctx); err != nil {
			return fail(err)
		}
		conn, err := gonet.DialUDP(host.stack, nil, &full, protocol)
		if err != nil {
			return fail(err)
		}
		return conn, nil
	}
	return fail(net.UnknownNetworkError(network))
}

func (l *Lab) resolve(address string) (netip.AddrPort, error) {
	name, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port from 1 to 65535", service)
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		known := false
		if addr, known = l.dns.lookup(name); !known {
			return netip.AddrPort{}, fmt.Errorf("the lab knows no host %q", name)
		}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// WaitGuest waits until the guest's TCP port accepts a connection from the
// router. The context bounds it; the error says what the lab saw meanwhile.
func (l *Lab) WaitGuest(ctx context.Context, port int) error {
	address := net.JoinHostPort(l.GuestAddr().String(), strconv.Itoa(port))
	if _, err := l.resolve(address); err != nil {
		return fmt.Errorf("lab: wait for the guest: %w", err)
	}
	begun := time.Now()
	for attempts := 1; ; attempts++ {
		err := l.try(ctx, address)
		if err == nil {
			return nil
		}
		if l.life.ctx.Err() != nil {
			return fmt.Errorf("lab: wait for the guest's port %d: %w", port, net.ErrClosed)
		}
		if ctx.Err() == nil && pause(ctx, guestPause) {
			continue
		}
		return fmt.Errorf("lab: the guest's port %d does not answer after %s and %d attempts (%s): %w",
			port, time.Since(begun).Round(time.Millisecond), attempts, l.sight(), errors.Join(context.Cause(ctx), err))
	}
}

func (l *Lab) try(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, guestAttempt)
	defer cancel()
	conn, err := l.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// sight says what there is to see of the guest, for errors.
func (l *Lab) sight() string {
	nic := l.nics[0]
	qemu := "no QEMU is connected"
	if nic.current() != nil {
		qemu = "QEMU is connected"
	}
	return fmt.Sprintf("%s, %d frames came from its first card, %d DHCP leases are held",
		qemu, nic.cable.Counts().FromGuest, len(l.dhcp.Leases()))
}
