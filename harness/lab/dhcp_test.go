package lab

import (
	"bufio"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// rawClient speaks DHCP in frames: it has no address and answers no ARP.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	mac  net.HardwareAddr
}

func newRawClient(t *testing.T, l *Lab, mac net.HardwareAddr) *rawClient {
	conn := dialNIC(t, l, 0)
	return &rawClient{t: t, conn: conn, r: bufio.NewReader(conn), mac: mac}
}

func (c *rawClient) send(m *dhcpv4.DHCPv4) {
	c.t.Helper()
	frame, err := udpFrame(c.mac, net.HardwareAddr{255, 255, 255, 255, 255, 255},
		net.UDPAddr{IP: net.IPv4zero, Port: 68}, net.UDPAddr{IP: net.IPv4bcast, Port: 67}, m.ToBytes())
	if err != nil {
		c.t.Fatal(err)
	}
	if err := sendFrame(c.conn, frame); err != nil {
		c.t.Fatal(err)
	}
}

// answer is the next DHCP answer, with the addresses its frame went to.
func (c *rawClient) answer() (m *dhcpv4.DHCPv4, toMAC, toIP string) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		c.t.Fatal(err)
	}
	for {
		frame, err := receiveFrame(c.r)
		if err != nil {
			c.t.Fatal(err)
		}
		packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		udp, ok := packet.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok || udp.DstPort != 68 {
			continue
		}
		m, err := dhcpv4.FromBytes(udp.Payload)
		if err != nil {
			c.t.Fatal(err)
		}
		flow := packet.NetworkLayer().NetworkFlow()
		return m, packet.LinkLayer().LinkFlow().Dst().String(), flow.Dst().String()
	}
}

func message(t *testing.T, with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(with...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDHCPLease(t *testing.T) {
	l := newTestLab(t, Options{})
	c := newRawClient(t, l, guestMAC(0))
	discover, err := dhcpv4.NewDiscovery(c.mac, dhcpv4.WithBroadcast(false))
	if err != nil {
		t.Fatal(err)
	}
	c.send(discover)
	offer, mac, ip := c.answer()
	if offer.MessageType() != dhcpv4.MessageTypeOffer || offer.TransactionID != discover.TransactionID {
		t.Fatal(offer.Summary())
	}
	if mac != c.mac.String() || ip != "198.51.100.100" {
		t.Errorf("offer to %s %s, want unicast to the client", mac, ip)
	}
	if len(l.DHCP().Leases()) != 0 {
		t.Error("an offer is a lease")
	}
	request, err := dhcpv4.NewRequestFromOffer(offer, dhcpv4.WithOption(dhcpv4.OptHostName("inn-1")), dhcpv4.WithBroadcast(true))
	if err != nil {
		t.Fatal(err)
	}
	c.send(request)
	ack, mac, ip := c.answer()
	if ack.MessageType() != dhcpv4.MessageTypeAck {
		t.Fatal(ack.Summary())
	}
	if mac != "ff:ff:ff:ff:ff:ff" || ip != "255.255.255.255" {
		t.Errorf("answer to %s %s, want broadcast as asked", mac, ip)
	}
	for what, pair := range map[string][2]string{
		"address": {ack.YourIPAddr.String(), "198.51.100.100"},
		"mask":    {net.IP(ack.SubnetMask()).String(), "255.255.255.0"},
		"router":  {ack.Router()[0].String(), "198.51.100.1"},
		"server":  {ack.ServerIdentifier().String(), "198.51.100.1"},
		"dns":     {ack.DNS()[0].String(), "198.51.100.53"},
		"ntp":     {ack.NTPServers()[0].String(), "198.51.100.123"},
		"domain":  {ack.DomainName(), "lab.test"},
		"name":    {ack.HostName(), ""},
		"time":    {ack.IPAddressLeaseTime(0).String(), "24h0m0s"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
		}
	}
	leases := l.DHCP().Leases()
	if len(leases) != 1 || leases[0].Addr != l.GuestAddr() || leases[0].MAC != l.MAC(0) || leases[0].Hostname != "inn-1" {
		t.Errorf("leases %+v", leases)
	}
	seen, err := l.DHCP().WaitRequest(testContext(t), func(r DHCPRequest) bool { return r.Answer == "ACK" })
	if err != nil || seen.Type != "REQUEST" || seen.Requested != l.GuestAddr() {
		t.Errorf("logged as %+v, %v", seen, err)
	}
	release, err := dhcpv4.NewReleaseFromACK(ack)
	if err != nil {
		t.Fatal(err)
	}
	c.send(release)
	if _, err := l.DHCP().WaitRequest(testContext(t), func(r DHCPRequest) bool { return r.Type == "RELEASE" }); err != nil {
		t.Fatal(err)
	}
	if leases := l.DHCP().Leases(); len(leases) != 0 {
		t.Errorf("leases after release: %+v", leases)
	}
}

// TestDHCPRenewal goes by a real stack: unicast from the address it has.
func TestDHCPRenewal(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	conn, err := g.bindUDP(ipVersions[0], 68)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	renew := message(t, dhcpv4.WithHwAddr(guestMAC(0)), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
		dhcpv4.WithClientIP(l.GuestAddr().AsSlice()))
	if _, err := conn.WriteTo(renew.ToBytes(), &net.UDPAddr{IP: planned("router").AsSlice(), Port: 67}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	n, from, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := dhcpv4.FromBytes(buf[:n])
	if err != nil || ack.MessageType() != dhcpv4.MessageTypeAck || from.String() != "198.51.100.1:67" {
		t.Errorf("%v from %s, %v", ack, from, err)
	}
}

func TestDHCPRefusals(t *testing.T) {
	l := newTestLab(t, Options{})
	c := newRawClient(t, l, guestMAC(0))
	kind, mac := dhcpv4.WithMessageType, dhcpv4.WithHwAddr(guestMAC(0))
	asked := func(ip string) dhcpv4.Modifier {
		return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(ip)))
	}
	for _, m := range []*dhcpv4.DHCPv4{
		// Silence: a stranger, and a choice of another server.
		message(t, kind(dhcpv4.MessageTypeDiscover), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 9})),
		message(t, kind(dhcpv4.MessageTypeRequest), mac, asked("198.51.100.100"),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(198, 51, 100, 2)))),
		// Refusal: an address that is not its own.
		message(t, kind(dhcpv4.MessageTypeRequest), mac, asked("198.51.100.7")),
	} {
		c.send(m)
	}
	nak, to, _ := c.answer()
	if nak.MessageType() != dhcpv4.MessageTypeNak || to != "ff:ff:ff:ff:ff:ff" || !nak.YourIPAddr.IsUnspecified() {
		t.Errorf("%s to %s", nak.Summary(), to)
	}
	c.send(message(t, kind(dhcpv4.MessageTypeInform), mac, dhcpv4.WithClientIP(net.IPv4(198, 51, 100, 7))))
	inform, _, ip := c.answer()
	if inform.MessageType() != dhcpv4.MessageTypeAck || inform.IPAddressLeaseTime(0) != 0 || ip != "198.51.100.7" {
		t.Errorf("%s to %s", inform.Summary(), ip)
	}
	var answers []string
	for _, r := range l.DHCP().Requests() {
		answers = append(answers, r.Type+":"+r.Answer)
	}
	// The answer to the last one may come before it is logged.
	want := []string{"DISCOVER:", "REQUEST:", "REQUEST:NAK"}
	for i := range want {
		if i >= len(answers) || answers[i] != want[i] {
			t.Fatalf("logged %v, want %v first", answers, want)
		}
	}
	if l.DHCP().Requests()[2].Requested != netip.MustParseAddr("198.51.100.7") {
		t.Error(l.DHCP().Requests()[2])
	}
}

func TestDHCPSurvivesGarbage(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	conn := g.mustDial(t, "udp", "198.51.100.1:67")
	valid := message(t, dhcpv4.WithHwAddr(guestMAC(0)), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover)).ToBytes()
	for n := 0; n < len(valid); n += 7 {
		if _, err := conn.Write(valid[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(valid); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DHCP().WaitRequest(testContext(t), func(r DHCPRequest) bool { return r.Answer == "OFFER" }); err != nil {
		t.Fatal(err)
	}
}
