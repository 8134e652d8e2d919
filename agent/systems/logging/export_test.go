package logging

// WithoutPeers is a section that asks no tls target who it is: there are none
// on a machine in memory.
func WithoutPeers(s Section) Section {
	s.Verify = nil
	return s
}
