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

// members lists the processes of the leader's session, and of an OwnTree those
// on its trail, that are not dead.
func (t *tree) members(leader int) ([]int, error) {
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
		if t.isMember(pid, leader) {
			members = append(members, pid)
		}
	}
	return members, nil
}

func (t *tree) isMember(pid, leader int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	s, ok := parseStat(b)
	return ok && s.state != 'Z' && s.state != 'X' && (s.session == leader || t.trail.leadsTo(pid, s))
}

// stat is what is of use in /proc/PID/stat.
type stat struct {
	state   byte
	session int
	started uint64 // ticks since boot
	kernel  bool   // a thread of the kernel's
}

// parseStat takes the state (field 3), the session (6), the flags (9) and the
// time of the start (22) out of /proc/PID/stat, whose second field is a name in brackets
// that may hold anything (proc_pid_stat(5)).
func parseStat(b []byte) (stat, bool) {
	_, rest, found := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(") "))
	if !found {
		return stat{}, false
	}
	f := strings.Fields(string(rest))
	if len(f) < 20 || len(f[0]) != 1 || !isLetter(f[0][0]) {
		return stat{}, false
	}
	session, err := strconv.Atoi(f[3])
	flags, err2 := strconv.ParseUint(f[6], 10, 64)
	started, err3 := strconv.ParseUint(f[19], 10, 64)
	const kernelThread = 0x00200000 // PF_KTHREAD of linux/sched.h
	return stat{f[0][0], session, started, flags&kernelThread != 0}, errors.Join(err, err2, err3) == nil
}

// isLetter is true of every state proc_pid_stat(5) knows.
func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

// killMember kills a process if it is still a member: the descriptor holds it
// fast between the look and the kill (pidfd_open(2), Linux 5.3).
func (t *tree) killMember(pid, leader int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if errors.Is(err, unix.ENOSYS) && t.isMember(pid, leader) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if t.isMember(pid, leader) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// residentOf sums what the members hold for themselves: resident less shared
// pages, proc_pid_statm(5).
func (t *tree) residentOf(leader int) (int64, error) {
	members, err := t.members(leader)
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
