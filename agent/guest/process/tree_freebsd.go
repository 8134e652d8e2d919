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

// mappingSlack is what a program maps without ever touching it; the Go runtime
// reserves more than a GiB of addresses for what it may need.
const mappingSlack = 8 << 30

// limitMemory asks the kernel to refuse more address space. Anonymous mappings
// do not count against RLIMIT_DATA here, so that there is no closer limit
// (setrlimit(2)): it is a stop for what grows faster than Resident is looked
// at. Another process's limits are set by a sysctl, as limits(1) does it.
func limitMemory(pid int, limit int64) {
	const ctlKern, kernProc, kernProcRlimit, rlimitVmem = 1, 14, 37, 10 // sys/sysctl.h, sys/resource.h
	mib := [...]int32{ctlKern, kernProc, kernProcRlimit, int32(pid), rlimitVmem}
	var now unix.Rlimit
	size := unsafe.Sizeof(now)
	if _, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
		uintptr(unsafe.Pointer(&now)), uintptr(unsafe.Pointer(&size)), 0, 0); errno != 0 {
		return
	}
	now.Cur = min(limit+mappingSlack, now.Max)
	_, _, _ = unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
		0, 0, uintptr(unsafe.Pointer(&now)), unsafe.Sizeof(now)) // Resident is looked at without it
}

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

// members lists the processes of the leader's session that are not dead.
func (t *tree) members(leader int) ([]int, error) {
	procs, err := sessionProcs(leader)
	var members []int
	for _, p := range procs {
		if p.sid == leader && !p.zombie {
			members = append(members, p.pid)
		}
	}
	return members, err
}

// killMember kills a process that was just seen in the session.
func (t *tree) killMember(pid, leader int) {
	if now, err := unix.Getsid(pid); err == nil && now == leader {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// residentOf sums what the session holds.
func (t *tree) residentOf(leader int) (int64, error) {
	procs, err := sessionProcs(leader)
	var pages int64
	for _, p := range procs {
		pages += p.pages
	}
	return pages * int64(os.Getpagesize()), err
}

func signalName(s syscall.Signal) string { return unix.SignalName(s) }
