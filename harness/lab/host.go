package lab

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	hostNIC    = tcpip.NICID(1)
	hostMTU    = 1500
	hostFrames = 4096 // frames waiting for a host; more are lost
)

// host is one machine of the lab: a userspace network stack on the switch. It
// answers ARP, neighbour discovery and pings by itself, and refuses what
// nobody serves.
type host struct {
	name  string
	life  *lifetime
	stack *stack.Stack
	card  *card
}

// newHost starts a host on the switch.
func newHost(life *lifetime, p hostPlan, sw *ethernetSwitch) (*host, error) {
	h, err := bareHost(life, p.name, p.mac())
	if err != nil {
		return nil, err
	}
	h.card.send = sw.plug(h.card.enter).send
	for _, a := range []struct {
		addr   netip.Addr
		subnet netip.Prefix
	}{{p.addr(), Subnet}, {p.addr6(), Subnet6}} {
		if err := h.addAddr(a.addr, a.subnet); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

// bareHost is a host without addresses, whose card is not plugged in: the
// caller sets card.send before it adds any.
func bareHost(life *lifetime, name string, mac net.HardwareAddr) (*host, error) {
	s := stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			arp.NewProtocol, ipv4.NewProtocol,
			// No duplicate address detection: nobody else has our addresses.
			ipv6.NewProtocolWithOptions(ipv6.Options{}),
		},
		TransportProtocols: []stack.TransportProtocolFactory{
			tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
	})
	h := &host{name: name, life: life, stack: s, card: &card{
		mac: mac, send: func([]byte) {}, in: make(chan []byte, hostFrames),
	}}
	if err := h.tune(); err != nil {
		s.Destroy()
		return nil, err
	}
	if !life.spawn(func() { h.card.run(life.ctx.Done()) }) {
		s.Destroy()
		return nil, net.ErrClosed
	}
	return h, nil
}

func (h *host) tune() error {
	sack := tcpip.TCPSACKEnabled(true)
	if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return fmt.Errorf("enable selective acknowledgement: %s", err)
	}
	if err := h.stack.CreateNIC(hostNIC, ethernet.New(h.card)); err != nil {
		return fmt.Errorf("create its network card: %s", err)
	}
	// Ask for a neighbour five times a second instead of once, for as long:
	// a guest that comes up is reached as soon as it answers.
	nud := stack.DefaultNUDConfigurations()
	nud.RetransmitTimer = 200 * time.Millisecond
	nud.MaxMulticastProbes = 15
	nud.MaxUnicastProbes = 15
	for _, protocol := range []tcpip.NetworkProtocolNumber{header.IPv4ProtocolNumber, header.IPv6ProtocolNumber} {
		if err := h.stack.SetNUDConfigurations(hostNIC, protocol, nud); err != nil {
			return fmt.Errorf("set up its neighbour discovery: %s", err)
		}
	}
	return nil
}

// addAddr gives the host an address and the route to the subnet.
func (h *host) addAddr(addr netip.Addr, subnet netip.Prefix) error {
	err := h.stack.AddProtocolAddress(hostNIC, tcpip.ProtocolAddress{
		Protocol: protocolOf(addr),
		AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(addr.AsSlice()), PrefixLen: subnet.Bits(),
		},
	}, stack.AddressProperties{})
	if err != nil {
		return fmt.Errorf("add the address %s: %s", addr, err)
	}
	// A host in several networks speaks to each with its address there.
	h.stack.AddRoute(tcpip.Route{Destination: subnetOf(subnet), NIC: hostNIC, SourceHint: tcpip.AddrFromSlice(addr.AsSlice())})
	return nil
}

func subnetOf(p netip.Prefix) tcpip.Subnet {
	return tcpip.AddressWithPrefix{
		Address: tcpip.AddrFromSlice(p.Masked().Addr().AsSlice()), PrefixLen: p.Bits(),
	}.Subnet()
}

// forward makes the host a router: what it has no route for it refuses with
// "network unreachable", so that a guest looking for the Internet fails at once.
func (h *host) forward() error {
	for _, protocol := range []tcpip.NetworkProtocolNumber{header.IPv4ProtocolNumber, header.IPv6ProtocolNumber} {
		if err := h.stack.SetForwardingDefaultAndAllNICs(protocol, true); err != nil {
			return fmt.Errorf("enable forwarding: %s", err)
		}
	}
	return nil
}

// close ends the stack after its lifetime has ended.
func (h *host) close() { h.stack.Destroy() }

func protocolOf(addr netip.Addr) tcpip.NetworkProtocolNumber {
	if addr.Is4() {
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	addr := a.Addr().Unmap()
	return tcpip.FullAddress{NIC: hostNIC, Addr: tcpip.AddrFromSlice(addr.AsSlice()), Port: a.Port()}
}

// card is the host's network card: the link endpoint below the stack's
// Ethernet layer. Frames go out on the goroutine that sends them; they come in
// on one of the card's own, so that two hosts never call into each other.
type card struct {
	mac  net.HardwareAddr
	send func(frame []byte)
	in   chan []byte

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

var _ stack.LinkEndpoint = (*card)(nil)

// enter takes a frame from the wire. It never blocks.
func (c *card) enter(frame []byte) {
	to := station(frame[0:6])
	if !to.group() && to != station(c.mac) {
		return
	}
	select {
	case c.in <- frame:
	default:
	}
}

func (c *card) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case frame := <-c.in:
			c.mu.RLock()
			dispatcher := c.dispatcher
			c.mu.RUnlock()
			if dispatcher == nil {
				continue
			}
			packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
			dispatcher.DeliverNetworkPacket(0, packet)
			packet.DecRef()
		}
	}
}

// WritePackets implements stack.LinkWriter.
func (c *card) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	for _, packet := range packets.AsSlice() {
		frame := make([]byte, 0, max(minFrame, packet.Size()))
		for _, part := range packet.AsSlices() {
			frame = append(frame, part...)
		}
		if len(frame) < minFrame {
			frame = frame[:minFrame]
		}
		c.send(frame)
	}
	return packets.Len(), nil
}

// Attach implements stack.NetworkLinkEndpoint.
func (c *card) Attach(dispatcher stack.NetworkDispatcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dispatcher = dispatcher
}

// IsAttached implements stack.NetworkLinkEndpoint.
func (c *card) IsAttached() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.dispatcher != nil
}

// The rest of stack.LinkEndpoint has nothing to do on this card.

func (c *card) MTU() uint32                                  { return hostMTU + ethernetHeader }
func (c *card) SetMTU(uint32)                                {}
func (c *card) MaxHeaderLength() uint16                      { return 0 }
func (c *card) LinkAddress() tcpip.LinkAddress               { return tcpip.LinkAddress(c.mac) }
func (c *card) SetLinkAddress(tcpip.LinkAddress)             {}
func (c *card) Capabilities() stack.LinkEndpointCapabilities { return 0 }
func (c *card) Wait()                                        {}
func (c *card) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareEther }
func (c *card) AddHeader(*stack.PacketBuffer)                {}
func (c *card) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (c *card) Close()                                       {}
func (c *card) SetOnCloseAction(func())                      {}
