package system

// Network says what a system can do of the section network.
type Network struct {
	// Managed says that the agent manages the network there.
	Managed bool
	// OneAddress says that an interface has DHCP or one IPv4 address there, a
	// gateway and an MTU, and that nothing else can be chosen but name servers.
	OneAddress bool
	// OneLease says that one interface at most has DHCP there once any is
	// configured, so that a document names the others, too.
	OneLease bool
	// IPv6 says that it can be chosen there.
	IPv6 bool
	// Lookup prints the addresses of the name {{name}} as the system's own
	// programs find them, run through Exec.
	Lookup []string
}

// Cards is the number of the guest's network cards. Where the whole network is
// managed there is a second one, which nothing configures: specs try whole
// networks on it, while the platform is reached through the first.
func (s System) Cards() int {
	if s.Tools.Network.Managed && !s.Tools.Network.OneAddress {
		return 2
	}
	return 1
}

// NSS asks as the C library's programs do.
func NSS() []string { return []string{"getent", "hosts", "{{name}}"} }
