package hostname

import (
	"fmt"

	"innkeeper/agent/mechanisms/sysconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
)

// Sysconfig keeps the full name in HOSTNAME of /etc/sysconfig/network, from
// which Red Hat's initscripts set the kernel's name at boot.
func Sysconfig() Section {
	get := func(s string) string {
		v, _ := sysconfig.Get(s, "HOSTNAME")
		return v
	}
	return Section{
		limits: fitsLinux,
		places: func() []place {
			return []place{
				hosts(),
				&file{
					path: sysconfig.NetworkFile,
					summary: func(is, want string) string {
						return fmt.Sprintf("set the host name from %q to %q", get(is), get(want))
					},
					text: func(h state.Hostname, is value) value {
						if get(places.Text(is)) == h.FQDN() {
							return is
						}
						return some(sysconfig.Set(places.Text(is), "HOSTNAME", h.FQDN()))
					},
				},
				kernel{full},
			}
		},
		actual: linuxActual(sysconfig.NetworkFile, get),
	}
}
