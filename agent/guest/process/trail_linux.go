package process

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// trailVariable is the environment variable whose value is another for each
// OwnTree and is handed down to whatever is started in it.
const trailVariable = "GUESTD_CALL"

// trail finds the processes of an OwnTree that left its session. Where guestd
// can make a control group (version 2, Linux 5.14), the child is started in
// one, which nothing in it can leave by forking, and the kernel kills it whole.
// Elsewhere a member is known by the mark in the environment that it was
// started with (/proc/PID/environ); one that is given another environment
// escapes.
type trail struct {
	cgroup *cgroup
	mark   []byte // NAME=VALUE
	since  uint64 // when the leader started, in ticks since boot
}

// lay prepares cmd to leave a trail. spared says that nobody may end it when
// this process has ended.
func (t *trail) lay(cmd *exec.Cmd, spared bool) {
	call := rand.Text()
	if g := newCgroup(call, spared); g != nil {
		t.cgroup = g
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(g.dir.Fd())
	}
	t.mark = []byte(trailVariable + "=" + call)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, string(t.mark))
}

// shorten does without a control group, in case that it was why the start
// failed (a seccomp filter, a threaded group); false if there was none.
func (t *trail) shorten(cmd *exec.Cmd) bool {
	if t.cgroup == nil {
		return false
	}
	t.cgroup.remove()
	t.cgroup, cmd.SysProcAttr.UseCgroupFD = nil, false
	return true
}

// begin is told the leader when it has started.
func (t *trail) begin(leader int) {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", leader)); err == nil {
		if s, ok := parseStat(b); ok {
			t.since = s.started
		}
	}
}

// leadsTo says whether a process is of the tree.
func (t *trail) leadsTo(pid int, s stat) bool {
	if t.mark == nil || s.started < t.since || s.kernel {
		return false
	}
	if t.cgroup != nil {
		return t.cgroup.holds(pid)
	}
	for v := range bytes.SplitSeq(environ(pid), []byte{0}) {
		if bytes.Equal(v, t.mark) {
			return true
		}
	}
	return false
}

// environ is what a process was started with. While it is just starting
// another program the kernel shows nothing for a moment.
func environ(pid int) []byte {
	for range 20 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || len(b) > 0 {
			return b
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// kill ends at once all that a control group holds.
func (t *trail) kill(int) {
	if t.cgroup != nil {
		t.cgroup.kill()
	}
}

// end is called when no member is left.
func (t *trail) end() {
	if t.cgroup != nil {
		t.cgroup.remove()
	}
}
