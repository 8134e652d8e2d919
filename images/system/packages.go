package system

// Packages says what a system can do of the section packages.
type Packages struct {
	// Format is that of its package repositories ("apt", "yum"). Without one, the
	// section is not supported.
	Format string
	// Version prints the version of the installed package whose name is put
	// behind it, run through Exec.
	Version []string
	// Held prints the names of the packages on hold, one a line.
	Held []string
	// Remove removes the package whose name is put behind it, as a person would.
	Remove []string
}
