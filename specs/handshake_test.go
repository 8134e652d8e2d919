package specs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// handshake is how a guest answered a connection, as the lab's switch saw it.
type handshake struct {
	// from is the card that answered.
	from string
	// vlan is the tag of the frame, 0 for none.
	vlan uint16
	// mss is the largest TCP segment that the guest takes (RFC 9293, 3.7.1): the
	// MTU of the way back without the headers.
	mss uint16
}

// shake connects from a host of the lab to the guest's ssh at an address.
func shake(ctx context.Context, from string, to netip.Addr) (h handshake, err error) {
	var packets bytes.Buffer
	stop, err := column.Lab.Capture(&packets)
	if err != nil {
		return h, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := column.Lab.DialFrom(ctx, from, "tcp", net.JoinHostPort(to.String(), "22"))
	if err = errors.Join(err, stop()); err != nil {
		return h, err
	}
	defer conn.Close()
	return firstAnswer(&packets, to)
}

// firstAnswer finds the SYN that an address answered with.
func firstAnswer(packets io.Reader, of netip.Addr) (h handshake, err error) {
	file, err := pcapgo.NewReader(packets)
	if err != nil {
		return h, err
	}
	for {
		data, _, err := file.ReadPacketData()
		if err != nil {
			return h, fmt.Errorf("no answer of %s was seen on the switch: %w", of, err)
		}
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok || !tcp.SYN || !tcp.ACK || p.NetworkLayer().NetworkFlow().Src().String() != of.String() {
			continue
		}
		h.from = p.LinkLayer().LinkFlow().Src().String()
		if tag, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
			h.vlan = tag.VLANIdentifier
		}
		for _, o := range tcp.Options {
			if o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 {
				h.mss = uint16(o.OptionData[0])<<8 | uint16(o.OptionData[1])
			}
		}
		return h, nil
	}
}
