package ifcfg

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
)

// prefix is the interface's address with the length of its network, from
// IPADDR and PREFIX or NETMASK; without either from the address's class, as
// ipcalc(1) has it.
func (c Config) prefix() (netip.Prefix, error) {
	a, err := netip.ParseAddr(c["IPADDR"])
	if err != nil || !a.Is4() {
		return netip.Prefix{}, fmt.Errorf("bad IP address: %s", c["IPADDR"])
	}
	n := 0
	switch {
	case c["NETMASK"] != "":
		if n, err = maskLength(c["NETMASK"]); err != nil {
			return netip.Prefix{}, err
		}
	case c["PREFIX"] != "":
		if n, err = strconv.Atoi(c["PREFIX"]); err != nil || n < 0 || n > 32 {
			return netip.Prefix{}, fmt.Errorf("bad prefix: %s", c["PREFIX"])
		}
	default:
		switch first := a.As4()[0]; {
		case first < 128:
			n = 8
		case first < 192:
			n = 16
		default:
			n = 24
		}
	}
	return netip.PrefixFrom(a, n), nil
}

func maskLength(mask string) (int, error) {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return 0, fmt.Errorf("bad netmask: %s", mask)
	}
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := bits.LeadingZeros32(^v)
	if v<<n != 0 {
		return 0, fmt.Errorf("bad netmask: %s", mask)
	}
	return n, nil
}

// gateway is the default gateway through this interface, if there is one in
// its network: GATEWAY, unless GATEWAYDEV names another interface.
func (c Config) gateway(p netip.Prefix) (netip.Addr, bool) {
	if dev := c["GATEWAYDEV"]; dev != "" && dev != c["DEVICE"] {
		return netip.Addr{}, false
	}
	g, err := netip.ParseAddr(c["GATEWAY"])
	if err != nil || !p.Masked().Contains(g) {
		return netip.Addr{}, false
	}
	return g, true
}
