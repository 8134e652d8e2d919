package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// What others take for the same, on the same machine, in the same run.

// BenchmarkQemuGAHostName has qemu-ga, which has no call for it, run what sets
// the name, and asks until that has ended, as its host does.
func BenchmarkQemuGAHostName(b *testing.B) {
	m := newMachine(b)
	ask, _ := startQemuGA(b, m)
	times(b, 30, "change", func(i int) {
		name := fmt.Sprintf("inn-%d.lab.test", i)
		var begun struct{ PID int }
		ask("guest-exec", map[string]any{"path": "/bin/sh", "arg": []string{
			"-c", `hostname "$0" && sed -i "s/^HOSTNAME=.*/HOSTNAME=$0/" /etc/sysconfig/network`, name,
		}}, &begun)
		for ended := false; !ended; {
			var status struct {
				Exited   bool
				ExitCode int
			}
			ask("guest-exec-status", map[string]any{"pid": begun.PID}, &status)
			if ended = status.Exited; ended && status.ExitCode != 0 {
				b.Fatalf("it ended with %d", status.ExitCode)
			}
		}
	})
	if got := m.name(b); got != "inn-29.lab.test" {
		b.Errorf("the name is %s", got)
	}
}

// BenchmarkQemuGAIdle is qemu-ga at rest.
func BenchmarkQemuGAIdle(b *testing.B) {
	_, pid := startQemuGA(b, newMachine(b))
	idle(b, pid)
}

// startQemuGA runs Debian's qemu-ga on a socket. Ask calls it.
func startQemuGA(b *testing.B, m machine) (ask func(command string, arguments, answer any), pid int) {
	b.Helper()
	const program = "/usr/sbin/qemu-ga"
	packaged(b, program, "qemu-guest-agent")
	socket := filepath.Join(m.dir, "qga.sock")
	pid = m.start(b, program, "--method=unix-listen", "--path="+socket, "--statedir="+m.dir)
	var conn net.Conn
	var err error
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); <-time.After(10 * time.Millisecond) {
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
	}
	must(b, err)
	b.Cleanup(func() { conn.Close() })
	answers := bufio.NewReader(conn)
	return func(command string, arguments, answer any) {
		b.Helper()
		must(b, json.NewEncoder(conn).Encode(map[string]any{"execute": command, "arguments": arguments}))
		line, err := answers.ReadBytes('\n')
		must(b, err)
		var told struct {
			Return json.RawMessage `json:"return"`
			Error  json.RawMessage `json:"error"`
		}
		must(b, json.Unmarshal(line, &told))
		if told.Error != nil {
			b.Fatalf("%s: %s", command, told.Error)
		}
		must(b, json.Unmarshal(told.Return, answer))
	}, pid
}

// BenchmarkAnsibleHostName is ansible-core's hostname module on this machine
// itself, no ssh between, in the mode that writes what Openfiler reads.
func BenchmarkAnsibleHostName(b *testing.B) {
	ansible(b, "change", func(i int) string { return fmt.Sprintf("inn-%d.lab.test", i) })
}

// BenchmarkAnsibleUnchanged is the same with the name that is.
func BenchmarkAnsibleUnchanged(b *testing.B) {
	ansible(b, "look", func(int) string { return "inn.lab.test" })
}

func ansible(b *testing.B, unit string, name func(i int) string) {
	const program = "/usr/bin/ansible"
	packaged(b, program, "ansible-core")
	m := newMachine(b)
	var last string
	set := func(i int) {
		last = name(i)
		cmd := m.command(program, "localhost", "--connection=local", "--module-name=ansible.builtin.hostname", "--args", "use=redhat name="+last)
		cmd.Env = append(cmd.Environ(), "ANSIBLE_LOCALHOST_WARNING=False", "HOME="+m.dir)
		started(b, cmd)
	}
	set(0)
	times(b, 5, unit, set)
	if got := m.name(b); got != last {
		b.Errorf("the name is %s, not %s", got, last)
	}
}
