package guardian

import (
	"time"

	"golang.org/x/sys/windows"
)

// bootID is empty: Windows documents no name for a start of the machine. An
// order of an earlier start is known by a deadline further off than its window.
func bootID() string { return "" }

// uptime counts from the start of the machine, time asleep included
// (GetTickCount64 in the Windows API reference).
func uptime() time.Duration { return windows.DurationSinceBoot() }
