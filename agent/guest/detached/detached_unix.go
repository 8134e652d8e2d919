//go:build unix

package detached

import "syscall"

func outside() string { return "/" }

// apart puts the program into a session of its own. It survives the end of
// the daemon, and what an init script, rc script or daemon(8) ends: the one
// process it started.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
