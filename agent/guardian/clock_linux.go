package guardian

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootID is the random id of this start of the machine, random(4).
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// uptime is CLOCK_BOOTTIME, which counts time asleep and which nobody can
// set, clock_gettime(2).
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0 // only an invalid clock or address is an error
	}
	return time.Duration(t.Nano())
}
