// Package cloudinit keeps cloud-init from undoing what is configured later.
package cloudinit

import "innkeeper/agent/guest"

// HostnameFile is our drop-in. Files of the directory are merged in the order
// of their names, later ones win.
const HostnameFile = "/etc/cloud/cloud.cfg.d/99-guestd-hostname.cfg"

// Hostname is the drop-in's text: cloud-init sets the host name at boot unless
// preserve_hostname is true (cc_set_hostname.py, cc_update_hostname.py), and
// rewrites /etc/hosts where manage_etc_hosts is set (cc_update_etc_hosts.py).
const Hostname = `# Written by guestd: it manages this machine's host name.
preserve_hostname: true
manage_etc_hosts: false
`

// Present says whether cloud-init is on the machine and will run.
func Present(m guest.Machine) bool {
	if _, err := m.Stat("/etc/cloud/cloud.cfg.d"); err != nil {
		return false
	}
	_, err := m.Stat("/etc/cloud/cloud-init.disabled")
	return err != nil
}

// NetworkFile is our drop-in for the network.
const NetworkFile = "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"

// Network is its text, the one that cloud-init itself names in the header of
// what it renders (cloudinit/distros/debian.py).
const Network = "# Written by guestd: it manages this machine's network.\nnetwork: {config: disabled}\n"
