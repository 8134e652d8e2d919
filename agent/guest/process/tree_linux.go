package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the child has ended, and leaves it to be waited for.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// mappingSlack is what a program maps as data without ever touching it: the
// Go runtime reserves its heap in arenas of 64 MiB.
const mappingSlack = 128 << 20

// limitMemory asks the kernel to refuse more data memory. It lowers the soft
// limit only, so that a plugin may give a program it runs more.
func limitMemory(pid int, limit int64) {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &now); err != nil {
		return
	}
	now.Cur = min(uint64(limit)+mappingSlack, now.Max)
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &now, nil) // the watchdog is there without it
}

// sessionMembers lists the processes of a session that are not dead.
func sessionMembers(sid int) ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var members []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if inSession(pid, sid) {
			members = append(members, pid)
		}
	}
	return members, nil
}

func inSession(pid, sid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	st, session, ok := parseStat(b)
	return ok && session == sid && st != 'Z' && st != 'X'
}

// parseStat takes the state and the session out of /proc/PID/stat, whose
// second field is a name in brackets that may hold anything (proc_pid_stat(5)).
func parseStat(b []byte) (st byte, session int, ok bool) {
	_, rest, found := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(") "))
	if !found {
		return 0, 0, false
	}
	f := strings.Fields(string(rest))
	if len(f) < 4 || len(f[0]) != 1 {
		return 0, 0, false
	}
	session, err := strconv.Atoi(f[3])
	return f[0][0], session, err == nil
}

// killMember kills a process if it is still in the session: the descriptor
// holds it fast between the look and the kill (pidfd_open(2), Linux 5.3).
func killMember(pid, sid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if errors.Is(err, unix.ENOSYS) && inSession(pid, sid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if inSession(pid, sid) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// residentOfSession sums what the members hold for themselves: resident less
// shared pages, proc_pid_statm(5).
func residentOfSession(sid int) (int64, error) {
	members, err := sessionMembers(sid)
	if err != nil {
		return 0, err
	}
	var pages int64
	for _, pid := range members {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		var size, resident, shared int64
		if _, err := fmt.Sscan(string(b), &size, &resident, &shared); err == nil {
			pages += resident - shared
		}
	}
	return pages * int64(os.Getpagesize()), nil
}

func signalName(s syscall.Signal) string { return unix.SignalName(s) }
