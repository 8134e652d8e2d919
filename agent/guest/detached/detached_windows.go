package detached

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func outside() string {
	if d := os.Getenv("SystemDrive"); d != "" {
		return d + `\`
	}
	return `C:\`
}

// apart takes the program out of the daemon's console and job. Windows' service
// manager asks the service to stop and ends no more than its one process; a
// job object that was put around it ends all in it, hence the breakaway, which
// fails where the job forbids it (Process Creation Flags in the Windows API
// reference). A scheduled task would do too, and needs a service that may be
// disabled.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB | windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP,
	}
}
