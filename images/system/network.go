package system

// Network says what a system can do of the section network.
type Network struct {
	// Managed says that the agent manages the network there.
	Managed bool
	// Lookup prints the addresses of the name {{name}} as the system's own
	// programs find them, run through Exec.
	Lookup []string
}

// NSS asks as the C library's programs do.
func NSS() []string { return []string{"getent", "hosts", "{{name}}"} }
