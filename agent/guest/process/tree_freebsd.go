package process

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the child has ended, and leaves it to be waited for
// (wait6(2); the constants are those of sys/wait.h).
func awaitExit(pid int) {
	const (
		pPID    = 0
		wNoWait = 8
		wExited = 16
	)
	for {
		var status int32
		_, _, errno := unix.Syscall6(unix.SYS_WAIT6, pPID, uintptr(pid),
			uintptr(unsafe.Pointer(&status)), wExited|wNoWait, 0, 0)
		if !errors.Is(errno, unix.EINTR) {
			return
		}
	}
}

// limitMemory does nothing: anonymous mappings do not count against
// RLIMIT_DATA here, and a limit of the address space would refuse what the Go
// runtime only reserves (setrlimit(2)). Resident is what is watched.
func limitMemory(int, int64) {}

// Offsets into struct kinfo_proc of the 64-bit FreeBSDs (sys/user.h).
const (
	kinfoSize   = 0   // int ki_structsize
	kinfoPID    = 72  // pid_t ki_pid
	kinfoSID    = 88  // pid_t ki_sid
	kinfoRSS    = 264 // segsz_t ki_rssize, in pages
	kinfoState  = 388 // char ki_stat
	kinfoLeast  = 389
	stateZombie = 5 // SZOMB
)

type kinfo struct {
	pid, sid int
	pages    int64
	zombie   bool
}

func sessionProcs(sid int) ([]kinfo, error) {
	b, err := unix.SysctlRaw("kern.proc.session", sid)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []kinfo
	for len(b) >= kinfoLeast {
		size := int(binary.LittleEndian.Uint32(b[kinfoSize:]))
		if size < kinfoLeast || size > len(b) {
			break
		}
		all = append(all, kinfo{
			pid:    int(int32(binary.LittleEndian.Uint32(b[kinfoPID:]))),
			sid:    int(int32(binary.LittleEndian.Uint32(b[kinfoSID:]))),
			pages:  int64(binary.LittleEndian.Uint64(b[kinfoRSS:])),
			zombie: b[kinfoState] == stateZombie,
		})
		b = b[size:]
	}
	return all, nil
}

// sessionMembers lists the processes of a session that are not dead.
func sessionMembers(sid int) ([]int, error) {
	procs, err := sessionProcs(sid)
	var members []int
	for _, p := range procs {
		if p.sid == sid && !p.zombie {
			members = append(members, p.pid)
		}
	}
	return members, err
}

// killMember kills a process that was just seen in the session.
func killMember(pid, sid int) {
	if now, err := unix.Getsid(pid); err == nil && now == sid {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// residentOfSession sums what the members hold.
func residentOfSession(sid int) (int64, error) {
	procs, err := sessionProcs(sid)
	var pages int64
	for _, p := range procs {
		pages += p.pages
	}
	return pages * int64(os.Getpagesize()), err
}

func signalName(s syscall.Signal) string { return unix.SignalName(s) }
