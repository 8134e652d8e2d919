package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The names of our control groups, below the one this process is in. The
// second kind is of what must not be killed: it is left in peace after the
// death of the process that made it, and removed when it is empty.
const (
	cgroupPrefix       = "guestd-call-"
	cgroupSparedPrefix = "guestd-spared-"
)

// emptying is how long a control group that was killed may take to be empty.
const emptying = 5 * time.Second

// cgroup is a control group of version 2 that holds one tree.
type cgroup struct {
	path string // in the file system
	name string // as in /proc/PID/cgroup
	dir  *os.File
}

// ownCgroup is the group that this process is in: its directory and its name,
// empty if there are none or groups cannot be made in it. What an earlier
// process left in it is ended.
var ownCgroup = sync.OnceValues(func() (dir, name string) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", ""
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", ""
	}
	mount, name := parseCgroupMount(mounts), parseCgroupName(own)
	if mount == "" || name == "" {
		return "", ""
	}
	dir = filepath.Join(mount, name)
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		return "", ""
	}
	sweep(dir)
	return dir, name
})

// parseCgroupMount finds where version 2 is mounted (proc_pid_mountinfo(5)):
// the fifth field of the line whose file system, after the hyphen, is cgroup2.
func parseCgroupMount(mountinfo []byte) string {
	for line := range strings.Lines(string(mountinfo)) {
		before, after, _ := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if fs, _, _ := strings.Cut(after, " "); fs == "cgroup2" && len(f) >= 5 {
			return f[4]
		}
	}
	return ""
}

// parseCgroupName finds the name of the group of version 2, whose line begins
// with 0:: (cgroups(7)).
func parseCgroupName(cgroup []byte) string {
	for line := range strings.Lines(string(cgroup)) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return name
		}
	}
	return ""
}

// sweep ends what runs in groups whose makers have ended: their locks are free.
func sweep(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, "guestd-*"))
	if err != nil {
		return
	}
	for _, path := range left {
		g := &cgroup{path: path}
		if g.lock() != nil {
			continue
		}
		if strings.HasPrefix(filepath.Base(path), cgroupPrefix) {
			g.kill()
		} else if !g.empty() {
			_ = g.dir.Close()
			continue
		}
		g.remove()
	}
}

// newCgroup makes a group, or gives nil where that cannot be done.
func newCgroup(call string, spared bool) *cgroup {
	dir, name := ownCgroup()
	if dir == "" {
		return nil
	}
	prefix := cgroupPrefix
	if spared {
		prefix = cgroupSparedPrefix
	}
	g := &cgroup{path: filepath.Join(dir, prefix+call), name: filepath.Join(name, prefix+call)}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return nil
	}
	// With cgroup.kill (Linux 5.14) there is CLONE_INTO_CGROUP (5.7) too.
	_, err := os.Stat(filepath.Join(g.path, "cgroup.kill"))
	if err == nil {
		err = g.lock()
	}
	if err != nil {
		_ = unix.Rmdir(g.path)
		return nil
	}
	return g
}

// lock makes the group this process's for as long as it lives.
func (g *cgroup) lock() error {
	dir, err := os.Open(g.path)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = dir.Close()
		return err
	}
	g.dir = dir
	return nil
}

// holds says whether a process is in the group.
func (g *cgroup) holds(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	name := parseCgroupName(b)
	return err == nil && (name == g.name || strings.HasPrefix(name, g.name+"/"))
}

func (g *cgroup) kill() {
	_ = os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0) // gone already is as good
}

// remove waits until the group is empty and removes it.
func (g *cgroup) remove() {
	g.awaitEmpty()
	_ = unix.Rmdir(g.path)
	_ = g.dir.Close()
}

// awaitEmpty waits for the last process to be gone, of which the kernel tells
// by an event on the file cgroup.events (Control Group v2, "Basic Operations").
func (g *cgroup) awaitEmpty() {
	f, err := os.Open(filepath.Join(g.path, eventsFile))
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	for end := time.Now().Add(emptying); time.Now().Before(end); {
		b := make([]byte, 256)
		if n, _ := f.ReadAt(b, 0); n == 0 || unpopulated(b[:n]) {
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}, int(time.Until(end)/time.Millisecond)+1)
	}
}

func (g *cgroup) empty() bool {
	b, err := os.ReadFile(filepath.Join(g.path, eventsFile))
	return err == nil && unpopulated(b)
}

const eventsFile = "cgroup.events"

func unpopulated(events []byte) bool { return bytes.Contains(events, []byte("populated 0")) }
