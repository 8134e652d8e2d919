package hypervisor

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sector pads code to a boot sector with a message where the code, loaded at
// 0x7C00, expects it: at 0x7C40.
func sector(message string, code ...byte) []byte {
	s := make([]byte, 512)
	copy(s, code)
	copy(s[0x40:], message+"\x00")
	s[510], s[511] = 0x55, 0xAA
	return s
}

// printing begins a boot sector that prints its message to COM1.
var printing = []byte{
	0xFA,                   // cli
	0x31, 0xC0, 0x8E, 0xD8, // xor ax,ax; mov ds,ax
	0xBE, 0x40, 0x7C, // mov si, message
	0xAC,       // next: lodsb
	0x84, 0xC0, // test al,al
	0x74, 0x06, // jz done
	0xBA, 0xF8, 0x03, 0xEE, // mov dx,3F8; out dx,al
	0xEB, 0xF5, // jmp next
	// done:
}

// counting says hello, then prints a dot now and then: something to see before
// and after a restore.
func counting() []byte {
	return sector("hello\r\n", append(bytes.Clone(printing),
		0xBB, 0x40, 0x00, // loop: mov bx,64
		0xB9, 0xFF, 0xFF, // outer: mov cx,65535
		0xE4, 0x80, // inner: in al,80h (slow on purpose)
		0xE2, 0xFC, // loop inner
		0x4B,       // dec bx
		0x75, 0xF6, // jnz outer
		0xB0, 0x2E, // mov al,'.'
		0xBA, 0xF8, 0x03, 0xEE, // out 3F8
		0xEB, 0xEB, // jmp loop
	)...)
}

// leaving says bye and powers the machine off: SLP_EN in PM1a_CNT (ACPI, section
// 4.8.4.2.1), which QEMU's firmware puts at port 604h of the machine "pc".
func leaving() []byte {
	return sector("bye\r\n", append(bytes.Clone(printing),
		0xBA, 0x04, 0x06, // mov dx,604
		0xB8, 0x00, 0x20, // mov ax,2000
		0xEF,       // out dx,ax
		0xF4,       // halt: hlt
		0xEB, 0xFD, // jmp halt
	)...)
}

// sharedCache is one folder for all daemons of this test run.
var sharedCache = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "hvcache")
	if err != nil {
		panic(err)
	}
	return dir
})

// shortDir is a folder whose path leaves room for a socket below it, unlike
// that of testing.T.TempDir.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// bench is a daemon, a connection to it and a bootable disk.
type bench struct {
	dir    string
	daemon *Daemon
	host   *Host
	base   string
}

func newBench(t testing.TB, code []byte) *bench {
	t.Helper()
	b := &bench{dir: shortDir(t)}
	b.base = bootable(t, b.dir, code)
	b.daemon, b.host = daemon(t, filepath.Join(b.dir, "d"))
	return b
}

func daemon(t testing.TB, dir string) (*Daemon, *Host) {
	t.Helper()
	d, err := StartDaemon(t.Context(), DaemonOptions{Dir: dir, Cache: sharedCache()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h := connect(t, d)
	return d, h
}

func connect(t testing.TB, d *Daemon) *Host {
	t.Helper()
	h, err := Connect(t.Context(), d.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func bootable(t testing.TB, dir string, code []byte) string {
	t.Helper()
	raw, file := filepath.Join(dir, "base.raw"), filepath.Join(dir, "base.qcow2")
	if err := os.WriteFile(raw, append(code, make([]byte, 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file)
	return file
}

func overlay(t testing.TB, base, file string) string {
	t.Helper()
	command(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, file)
	return file
}

func command(t testing.TB, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s (is qemu-utils installed?)", strings.Join(argv, " "), err, out)
	}
}

// machine is a guest on a fresh overlay with a card whose other end is plug.
func (b *bench) machine(t testing.TB, run, base string) (m Machine, plugged <-chan struct{}) {
	t.Helper()
	port, plugged := plug(t)
	return Machine{
		Name: "innkeeper-test", MemoryMiB: 32, VCPUs: 1,
		Disk:    overlay(t, base, filepath.Join(b.dir, run+".qcow2")),
		Console: filepath.Join(b.dir, run+".console"), Accelerator: TCG,
		NICs: []NIC{{MAC: "52:54:00:00:77:01", Model: "virtio", Port: port}},
	}, plugged
}

// boot starts the machine and returns it once it has said hello.
func (b *bench) boot(t testing.TB, run string) (*Domain, Machine) {
	t.Helper()
	m, _ := b.machine(t, run, b.base)
	d, err := b.host.Boot(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	see(t, d, "hello\r\n")
	return d, m
}

// plug is the lab's end of a card: it drops the frames. The channel gets a
// value for each QEMU that connects.
func plug(t testing.TB) (port int, plugged <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{}, 16)
	ctx, pull := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connected <- struct{}{}
			all.Go(func() {
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				_, _ = io.Copy(io.Discard, conn)
				if stop() {
					conn.Close()
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		pull()
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port, connected
}

// see waits until the console holds want.
func see(t testing.TB, d *Domain, want string) {
	t.Helper()
	eventually(t, func() bool {
		data, _ := d.Console()
		return strings.Contains(string(data), want)
	}, func() string {
		data, err := d.Console()
		return "the console never said " + strconv.Quote(want) + " but " + strconv.Quote(string(data)) + errorText(err)
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

func eventually(t testing.TB, is func() bool, otherwise func() string) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(otherwise())
		}
	}
}

// within bounds a wait on a channel.
func within[T any](t testing.TB, limit time.Duration, c <-chan T, what string) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		t.Fatalf("no %s within %s", what, limit)
	}
}

// running tells how many QEMUs have a path on their command line.
func running(t testing.TB, path string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		data, _ := os.ReadFile(f) // its process may have ended
		if bytes.HasPrefix(data, []byte(emulator)) && bytes.Contains(data, []byte(path)) {
			n++
		}
	}
	return n
}
