package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is the view of this machine that a program under measurement has: a
// host name, an /etc, a /var/lib and a /var/log of its own, in which it looks
// like an Openfiler, whose host name is a line in /etc/sysconfig/network and the
// kernel's own. So the same change can be made by all that are compared, with no
// service manager, and the real machine keeps its name.
type machine struct {
	dir string
}

// wanted is what of the real /etc the programs need.
var wanted = []string{
	"passwd", "group", "nsswitch.conf", "resolv.conf", "hosts", "host.conf", "ld.so.cache", "localtime",
	"ssl", "ansible", "python3", "os-release", "debian_version", "alternatives",
}

func newMachine(b *testing.B) machine {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Fatal("a private host name needs root")
	}
	m := machine{b.TempDir()}
	etc := filepath.Join(m.dir, "etc")
	must(b, os.MkdirAll(filepath.Join(etc, "sysconfig"), 0o755))
	for _, name := range wanted {
		if _, err := os.Lstat("/etc/" + name); err == nil {
			output(b, "cp", "-a", "/etc/"+name, etc)
		}
	}
	must(b, os.WriteFile(filepath.Join(etc, "distro-release"), []byte("Openfiler NSA 2.99\n"), 0o644))
	must(b, os.WriteFile(m.network(), []byte("NETWORKING=yes\nHOSTNAME=old.lab.test\n"), 0o644))
	return m
}

// network is where the name for the next boot is.
func (m machine) network() string { return filepath.Join(m.dir, "etc", "sysconfig", "network") }

// name is the one for the next boot.
func (m machine) name(b *testing.B) string {
	b.Helper()
	raw, err := os.ReadFile(m.network())
	must(b, err)
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "HOSTNAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	b.Fatalf("no name in %q", raw)
	return ""
}

// setUp runs in the namespaces before the program does.
const setUp = `set -e
mount --make-rprivate /
mount --bind "$0/etc" /etc
mkdir -p "$0/lib/guestd" "$0/log"
chmod 700 "$0/lib/guestd"
[ ! -e "$0/join.json" ] || install -m 600 "$0/join.json" "$0/lib/guestd/join.json"
mount --bind "$0/lib" /var/lib
mount --bind "$0/log" /var/log
exec "$@"`

// command is a program that sees the machine. It dies with the benchmark.
func (m machine) command(argv ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", setUp, m.dir}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs a daemon until the benchmark ends and returns its process id.
func (m machine) start(b *testing.B, argv ...string) int {
	b.Helper()
	cmd := m.command(argv...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	must(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || b.Failed() {
			b.Logf("%s ended with %v: %s", argv[0], err, said.String())
		}
	})
	return cmd.Process.Pid
}

// cost is what a process at rest costs.
type cost struct {
	rss, anonymous float64 // MiB
	switches       int     // context switches of all its threads since it began
	written        int     // calls of write since it began
}

func costOf(b *testing.B, pid int) cost {
	b.Helper()
	status := fields(b, fmt.Sprintf("/proc/%d/status", pid))
	c := cost{
		rss: float64(status["VmRSS"]) / 1024, anonymous: float64(status["RssAnon"]) / 1024,
		written: fields(b, fmt.Sprintf("/proc/%d/io", pid))["syscw"],
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	must(b, err)
	for _, task := range tasks {
		of := fields(b, task)
		c.switches += of["voluntary_ctxt_switches"] + of["nonvoluntary_ctxt_switches"]
	}
	return c
}

// fields are the numbers in a file of proc(5) of lines "name: number unit".
func fields(b *testing.B, file string) map[string]int {
	b.Helper()
	f, err := os.Open(file)
	must(b, err)
	defer f.Close()
	found := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.Atoi(words[0]); err == nil {
				found[name] = n
			}
		}
	}
	return found
}

// rest is how long a daemon is let alone before it counts as idle, and how
// long it is then looked at.
func rest() (before, looked time.Duration) {
	if testing.Short() {
		return 2 * time.Second, 10 * time.Second
	}
	return 30 * time.Second, 2 * time.Minute
}

// idle reports what a daemon costs that has nothing to do.
func idle(b *testing.B, pid int) {
	b.Helper()
	before, looked := rest()
	<-time.After(before)
	first := costOf(b, pid)
	<-time.After(looked)
	last := costOf(b, pid)
	perMinute := func(n int) float64 { return float64(n) * float64(time.Minute) / float64(looked) }
	b.ReportMetric(last.rss, "RSS-MiB")
	b.ReportMetric(last.anonymous, "RSS-of-its-own-MiB")
	b.ReportMetric(perMinute(last.switches-first.switches), "switches/min")
	b.ReportMetric(perMinute(last.written-first.written), "writes/min")
	b.ReportMetric(0, "ns/op")
}

// times reports the median and the longest of several runs of do, in ms, and
// returns the median.
func times(b *testing.B, runs int, unit string, do func(i int)) float64 {
	b.Helper()
	took := make([]time.Duration, runs)
	for i := range took {
		begun := time.Now()
		do(i)
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(took[runs/2]), "ms/"+unit)
	b.ReportMetric(ms(took[runs-1]), "ms/slowest")
	b.ReportMetric(0, "ns/op")
	return ms(took[runs/2])
}

// packaged makes sure that a program of Debian's is installed.
func packaged(b *testing.B, file, name string) {
	b.Helper()
	if _, err := os.Stat(file); err == nil {
		return
	}
	output(b, "apt-get", "install", "--yes", "--no-install-recommends", name)
}

func output(b *testing.B, argv ...string) []byte {
	b.Helper()
	return started(b, exec.Command(argv[0], argv[1:]...))
}

func started(b *testing.B, cmd *exec.Cmd) []byte {
	b.Helper()
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			b.Fatalf("%v: %v: %s%s", cmd.Args, err, out, exit.Stderr)
		}
		b.Fatalf("%v: %v", cmd.Args, err)
	}
	return out
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
