package lab

import (
	"errors"
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// listenBacklog is the number of connections that may wait to be accepted.
const listenBacklog = 128

// bind makes an endpoint on a port of the host, for one IP version: gonet's
// own listeners take both on IPv6, which hides who the peer is.
func (h *host) bind(transport tcpip.TransportProtocolNumber, version tcpip.NetworkProtocolNumber, port int) (tcpip.Endpoint, *waiter.Queue, error) {
	if port < 1 || port > 65535 {
		return nil, nil, fmt.Errorf("port %d is not one of 1 to 65535", port)
	}
	var queue waiter.Queue
	ep, err := h.stack.NewEndpoint(transport, version, &queue)
	if err != nil {
		return nil, nil, errors.New(err.String())
	}
	ep.SocketOptions().SetV6Only(true)
	// A service may come back while connections of the one before fade away.
	ep.SocketOptions().SetReuseAddress(transport == tcp.ProtocolNumber)
	if err := ep.Bind(tcpip.FullAddress{NIC: hostNIC, Port: uint16(port)}); err != nil {
		ep.Close()
		return nil, nil, errors.New(err.String())
	}
	return ep, &queue, nil
}

func (h *host) bindTCP(version tcpip.NetworkProtocolNumber, port int) (*gonet.TCPListener, error) {
	ep, queue, err := h.bind(tcp.ProtocolNumber, version, port)
	if err != nil {
		return nil, err
	}
	if err := ep.Listen(listenBacklog); err != nil {
		ep.Close()
		return nil, errors.New(err.String())
	}
	return gonet.NewTCPListener(h.stack, queue, ep), nil
}

func (h *host) bindUDP(version tcpip.NetworkProtocolNumber, port int) (*gonet.UDPConn, error) {
	ep, queue, err := h.bind(udp.ProtocolNumber, version, port)
	if err != nil {
		return nil, err
	}
	return gonet.NewUDPConn(queue, ep), nil
}
