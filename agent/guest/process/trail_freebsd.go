package process

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trail finds the processes of an OwnTree that left its session. This process
// becomes their reaper: the kernel then keeps with each descendant which of the
// reaper's children it comes from, and kills such a subtree whole (procctl(2)).
// It does so only when the first OwnTree is started, as from then on services
// that a child starts have this process for a parent and not init.
type trail struct{ laid bool }

// The commands and flags of sys/procctl.h.
const (
	procReapAcquire    = 2
	procReapGetPIDs    = 5
	procReapKill       = 6
	reaperKillSubtree  = 2
	reaperPIDInfoValid = 1
	reaperPIDInfoChild = 2
)

// reaperKill is struct procctl_reaper_kill.
type reaperKill struct {
	signal  int32
	flags   uint32
	subtree int32
	killed  uint32
	failed  int32
	_       [15]uint32
}

// reaperPIDInfo is struct procctl_reaper_pidinfo.
type reaperPIDInfo struct {
	pid, subtree int32
	flags        uint32
	_            [15]uint32
}

// reaperPIDs is struct procctl_reaper_pids.
type reaperPIDs struct {
	count uint32
	_     [15]uint32
	pids  *reaperPIDInfo
}

func procctl(command int, data unsafe.Pointer) error {
	const pPID = 0 // sys/wait.h
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, pPID, uintptr(os.Getpid()), uintptr(command), uintptr(data), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

var becomeReaper = sync.OnceValue(func() error { return procctl(procReapAcquire, nil) })

func (t *trail) lay(*exec.Cmd, bool) { t.laid = becomeReaper() == nil }

func (*trail) begin(int) {}

func (*trail) shorten(*exec.Cmd) bool { return false }

// kill ends the leader and all that descends from it.
func (t *trail) kill(leader int) {
	if t.laid {
		k := reaperKill{signal: int32(syscall.SIGKILL), flags: reaperKillSubtree, subtree: int32(leader)}
		_ = procctl(procReapKill, unsafe.Pointer(&k)) // ESRCH: nobody is left
	}
}

// end collects the orphans that have died. A child of our own is its own
// subtree, and is left to who started it.
func (t *trail) end() {
	if !t.laid {
		return
	}
	var list [256]reaperPIDInfo
	q := reaperPIDs{count: uint32(len(list)), pids: &list[0]}
	if err := procctl(procReapGetPIDs, unsafe.Pointer(&q)); err != nil {
		return
	}
	for _, p := range list {
		if p.flags&reaperPIDInfoValid != 0 && p.flags&reaperPIDInfoChild != 0 && p.pid != p.subtree {
			_, _ = unix.Wait4(int(p.pid), nil, unix.WNOHANG, nil)
		}
	}
}
