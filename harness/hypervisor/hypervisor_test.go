package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bootSector prints "hello" to COM1, counts in memory, and prints a dot
// whenever 65536 counts are done: something to see before and after a restore.
func bootSector() []byte {
	code := []byte{
		0xFA,                   // cli
		0x31, 0xC0, 0x8E, 0xD8, // xor ax,ax; mov ds,ax
		0xBE, 0x2B, 0x7C, // mov si, message (0x7C2B)
		0xAC,       // next: lodsb
		0x84, 0xC0, // test al,al
		0x74, 0x06, // jz loop
		0xBA, 0xF8, 0x03, 0xEE, // mov dx,3F8; out dx,al
		0xEB, 0xF5, // jmp next
		0xBB, 0x40, 0x00, // loop: mov bx,64
		0xB9, 0xFF, 0xFF, // outer: mov cx,65535
		0xE4, 0x80, // inner: in al,80h (slow on purpose)
		0xE2, 0xFC, // loop inner
		0x4B,       // dec bx
		0x75, 0xF6, // jnz outer
		0xB0, 0x2E, // mov al,'.'
		0xBA, 0xF8, 0x03, 0xEE, // out 3F8
		0xEB, 0xEB, // jmp loop
	}
	sector := make([]byte, 512)
	copy(sector, code)
	copy(sector[0x2B:], "hello\r\n\x00")
	sector[510], sector[511] = 0x55, 0xAA
	return sector
}

// sharedCache is one folder for all daemons of this test run.
var sharedCache = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "hvcache")
	if err != nil {
		panic(err)
	}
	return dir
})

// bench is a daemon, a connection to it and a bootable disk.
type bench struct {
	dir    string
	daemon *Daemon
	host   *Host
	base   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bench{dir: dir, base: filepath.Join(dir, "base.qcow2")}
	raw := filepath.Join(dir, "base.raw")
	if err := os.WriteFile(raw, append(bootSector(), make([]byte, 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, b.base)
	if b.daemon, err = StartDaemon(t.Context(), DaemonOptions{Dir: filepath.Join(dir, "d"), Cache: sharedCache()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.daemon.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if b.host, err = Connect(t.Context(), b.daemon.Socket()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.host.Close() })
	return b
}

func command(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

func (b *bench) overlay(t *testing.T, name, base string) string {
	t.Helper()
	file := filepath.Join(b.dir, name)
	command(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, file)
	return file
}

func (b *bench) machine(t *testing.T, run, base string) Machine {
	t.Helper()
	l := listen(t)
	return Machine{
		Name: "innkeeper-test", MemoryMiB: 32, VCPUs: 1, Disk: b.overlay(t, run+".qcow2", base),
		Console: filepath.Join(b.dir, run+".console"), Accelerator: TCG,
		NICs: []NIC{{MAC: "52:54:00:00:77:01", Model: "virtio", Port: l.Addr().(*net.TCPAddr).Port}},
	}
}

// listen is the lab's end of a card: it takes frames and drops them.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l
}

// see waits until the console holds want.
func see(t *testing.T, d *Domain, want string) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if data, _ := d.Console(); strings.Contains(string(data), want) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			data, err := d.Console()
			t.Fatalf("the console never said %q but %q (%v)", want, data, err)
		}
	}
}

func TestAGuestBootsIsSavedAndRestoredUnderOtherPaths(t *testing.T) {
	b := newBench(t)
	first := b.machine(t, "first", b.base)
	d, err := b.host.Boot(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	see(t, d, "hello\r\n.")
	if m := d.MemoryMiB(); m < 10 || m > 500 {
		t.Errorf("its QEMU is told to take %d MiB", m)
	}
	picture, err := d.Screenshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Errorf("the screenshot is no picture: %v", err)
	}
	state := filepath.Join(b.dir, "memory.save")
	if err := d.Save(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	<-d.Ended()

	second := b.machine(t, "second", first.Disk)
	d, err = b.host.Restore(t.Context(), second, state)
	if err != nil {
		t.Fatal(err)
	}
	see(t, d, ".")
	if data, _ := d.Console(); strings.Contains(string(data), "hello") {
		t.Errorf("the guest was booted again, not restored: %q", data)
	}
	if err := d.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-d.Ended()
	if err := d.PowerCut(t.Context()); err != nil {
		t.Errorf("cutting the power of a domain that ended: %v", err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(t, d, "hello")
}

func TestTwoDaemonsDoNotCollide(t *testing.T) {
	one, two := newBench(t), newBench(t)
	for _, b := range []*bench{one, two} {
		d, err := b.host.Boot(t.Context(), b.machine(t, "x", b.base))
		if err != nil {
			t.Fatal(err)
		}
		see(t, d, "hello")
	}
}

func TestAFolderInUseIsRefused(t *testing.T) {
	b := newBench(t)
	_, err := StartDaemon(t.Context(), DaemonOptions{Dir: filepath.Join(b.dir, "d")})
	var host *HostError
	if !errors.As(err, &host) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

func TestAMissingDaemonNamesTheCure(t *testing.T) {
	_, err := Connect(t.Context(), "/no/such/socket")
	var host *HostError
	if !errors.As(err, &host) || !strings.Contains(err.Error(), "/no/such/socket") {
		t.Errorf("got %v", err)
	}
}

func TestABadDiskIsTheHostsFault(t *testing.T) {
	b := newBench(t)
	m := b.machine(t, "x", b.base)
	m.Disk = "/no/such/disk.qcow2"
	_, err := b.host.Boot(t.Context(), m)
	var host *HostError
	if !errors.As(err, &host) || !strings.Contains(err.Error(), "/no/such/disk.qcow2") || !strings.Contains(err.Error(), "innkeeper-test") {
		t.Errorf("got %v", err)
	}
}

func TestTheProbeDecidesWithAReason(t *testing.T) {
	b := newBench(t)
	accelerator, reason := b.host.Accelerator(t.Context())
	if accelerator != KVM && accelerator != TCG || reason == "" {
		t.Errorf("%q because %q", accelerator, reason)
	}
	t.Logf("%s: %s", accelerator, reason)
}

// TestMain lets this binary play an owner that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HYPERVISOR_TEST_OWNER"); dir != "" {
		owner(dir)
	}
	status := m.Run()
	os.RemoveAll(sharedCache())
	os.Exit(status)
}

func owner(dir string) {
	ctx := context.Background()
	d, err := StartDaemon(ctx, DaemonOptions{Dir: filepath.Join(dir, "d")})
	if err == nil {
		var h *Host
		if h, err = Connect(ctx, d.Socket()); err == nil {
			_, err = h.Boot(ctx, Machine{Name: "innkeeper-orphan", MemoryMiB: 32, VCPUs: 1, Disk: filepath.Join(dir, "disk.qcow2"), Console: filepath.Join(dir, "console")})
		}
	}
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString("up\n")
	select {}
}

func TestReapEndsWhatAKilledOwnerLeft(t *testing.T) {
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	command(t, "qemu-img", "create", "-q", "-f", "qcow2", filepath.Join(dir, "disk.qcow2"), "1M")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), "HYPERVISOR_TEST_OWNER="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 512)
	n, _ := out.Read(said)
	if string(said[:n]) != "up\n" {
		t.Fatalf("the owner said %q", said[:n])
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if !running(t, dir) {
		t.Fatal("the guest ended with its owner, so there is nothing to reap")
	}
	if err := Reap(t.Context(), filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if running(t, dir) {
		t.Error("the guest still runs")
	}
	if _, err := os.Stat(filepath.Join(dir, "d")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// running tells whether a QEMU has the folder's disk on its command line.
func running(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, _ := os.ReadFile(f)
		if bytes.HasPrefix(data, []byte(emulator)) && bytes.Contains(data, []byte(dir+"/disk.qcow2")) {
			return true
		}
	}
	return false
}
