//go:build !linux

package daemon

// releaseProgram does nothing: only Linux maps that much more of a program
// than was asked for.
func releaseProgram() error { return nil }
