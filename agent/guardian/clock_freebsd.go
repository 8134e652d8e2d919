package guardian

import (
	"encoding/hex"
	"time"

	"golang.org/x/sys/unix"
)

// bootID is the kernel's random id of this start of the machine (kern.boot_id,
// sys/kern/kern_mib.c), which older releases do not have.
func bootID() string {
	b, err := unix.SysctlRaw("kern.boot_id")
	if err != nil {
		return ""
	}
	return hex.EncodeToString(b)
}

// uptime is CLOCK_MONOTONIC, which starts with the machine and which nobody
// can set, clock_gettime(2).
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // only an invalid clock or address is an error
	}
	return time.Duration(t.Nano())
}
