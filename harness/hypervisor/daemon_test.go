package hypervisor

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary play an owner that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HYPERVISOR_TEST_OWNER"); dir != "" {
		owner(dir)
	}
	status := m.Run()
	os.RemoveAll(sharedCache())
	os.Exit(status)
}

// owner starts a daemon and a guest, says so, and stays.
func owner(dir string) {
	ctx := context.Background()
	d, err := StartDaemon(ctx, DaemonOptions{Dir: filepath.Join(dir, "d"), Cache: os.Getenv("HYPERVISOR_TEST_CACHE")})
	if err == nil {
		var h *Host
		if h, err = Connect(ctx, d.Socket()); err == nil {
			_, err = h.Boot(ctx, Machine{Name: "innkeeper-orphan", MemoryMiB: 32, VCPUs: 1, Disk: filepath.Join(dir, "disk.qcow2"), Console: filepath.Join(dir, "console")})
		}
	}
	if err != nil {
		os.Stdout.WriteString(strings.ReplaceAll(err.Error(), "\n", " ") + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("up\n")
	select {}
}

// spawnOwner starts an owner and returns once its guest runs.
func spawnOwner(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	command(t, "qemu-img", "create", "-q", "-f", "qcow2", filepath.Join(dir, "disk.qcow2"), "1M")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), "HYPERVISOR_TEST_OWNER="+dir, "HYPERVISOR_TEST_CACHE="+sharedCache())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if said != "up\n" {
		_ = child.Process.Kill()
		_ = child.Wait()
		t.Fatalf("the owner said %q, %v", said, err)
	}
	return child
}

func TestNothingOutlivesAKilledOwner(t *testing.T) {
	dir := shortDir(t)
	home, disk := filepath.Join(dir, "d"), filepath.Join(dir, "disk.qcow2")
	child := spawnOwner(t, dir)
	if err := Reap(t.Context(), home); !errors.Is(err, ErrOwned) {
		t.Errorf("reaping what a living process owns: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	eventually(t, func() bool { return running(t, disk) == 0 }, func() string { return "the guest outlived its owner" })
	if err := Reap(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if err := Reap(t.Context(), home); err != nil {
		t.Errorf("reaping again: %v", err)
	}
}

func TestReapWaitsForADyingDaemon(t *testing.T) {
	home := shortDir(t)
	dying, err := lockDaemon(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPoll)
	defer cancel()
	if err := Reap(ctx, home); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a daemon: %v", err)
	}
	dead := make(chan error, 1)
	go func() { dead <- Reap(t.Context(), home) }()
	dying.Close()
	if err := <-dead; err != nil {
		t.Errorf("without: %v", err)
	}
	if _, err := os.Stat(home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestTwoDaemonsDoNotCollide(t *testing.T) {
	one, two := newBench(t, counting()), newBench(t, counting())
	_, a := one.boot(t, "x")
	d, b := two.boot(t, "x")
	if err := one.host.Close(); err != nil {
		t.Error(err)
	}
	if err := one.daemon.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if running(t, a.Disk) != 0 || running(t, b.Disk) != 1 {
		t.Error("ending one daemon did not end its guests and only those")
	}
	if err := d.Reset(t.Context()); err != nil {
		t.Errorf("the other daemon: %v", err)
	}
}

func TestADaemonThatDiesIsNoticed(t *testing.T) {
	b := newBench(t, counting())
	d, m := b.boot(t, "x")
	libvirtd, err := os.ReadFile(filepath.Join(b.daemon.dir, "run", "libvirtd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	// The daemon's namespace may end, and this with it, before it can say that
	// it did what it was asked: its exit tells nothing, what follows does.
	kill := exec.CommandContext(t.Context(), "nsenter", "--target", strconv.Itoa(b.daemon.child.cmd.Process.Pid), "--pid", "--mount",
		"sh", "-c", "kill -KILL "+strings.TrimSpace(string(libvirtd)))
	if out, err := kill.CombinedOutput(); err != nil {
		t.Logf("%v: %v: %s", kill.Args, err, out)
	}
	within(t, 2*time.Minute, d.Ended(), "news of the lost daemon")
	if _, err := d.Wait(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("got %v", err)
	}
	if err := d.PowerCut(t.Context()); err == nil {
		t.Error("cutting its power without a daemon is no error")
	}
	if err := d.Start(t.Context()); err == nil {
		t.Error("starting it without a daemon is no error")
	}
	within(t, 2*time.Minute, b.daemon.child.ended, "end of what the daemon began")
	if running(t, m.Disk) != 0 {
		t.Error("the guest outlived its daemon")
	}
}

func TestAFolderInUseIsRefused(t *testing.T) {
	dir := filepath.Join(shortDir(t), "d")
	daemon(t, dir)
	_, err := StartDaemon(t.Context(), DaemonOptions{Dir: dir})
	var host *HostError
	if !errors.As(err, &host) || !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestADaemonWhoseStartIsCancelledCanBeStartedAgain(t *testing.T) {
	dir := filepath.Join(shortDir(t), "d")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := StartDaemon(ctx, DaemonOptions{Dir: dir, Cache: sharedCache()}); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	d, _ := daemon(t, dir)
	if _, err := Connect(ctx, d.Socket()); err == nil {
		t.Error("connected although its context had ended")
	}
}

func TestDisksOfTheMachineStayVisible(t *testing.T) {
	if err := os.MkdirAll(machineImages, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(machineImages, "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := newBench(t, counting())
	b.base = bootable(t, dir, counting())
	b.boot(t, "x")
}

func TestWhatIsMissingIsNamedWithItsCure(t *testing.T) {
	var noUser user.UnknownUserError = "libvirt-qemu"
	for name, c := range map[string]struct {
		change func(*requirements)
		want   []string
	}{
		"libvirtd": {func(r *requirements) { r.path = "/nowhere" }, []string{"libvirtd", "matrix doctor --fix", "libvirt-daemon libvirt-daemon-driver-qemu"}},
		"qemu":     {func(r *requirements) { r.emulator = "/nowhere/qemu" }, []string{"/nowhere/qemu", "qemu-system-x86"}},
		"root":     {func(r *requirements) { r.euid = 1000 }, []string{"root", "sudo"}},
		"user": {
			func(r *requirements) { r.lookupUser = func(string) (*user.User, error) { return nil, noUser } },
			[]string{"user libvirt-qemu", "useradd"},
		},
		"group": {
			func(r *requirements) { r.lookupGroup = func(string) (*user.Group, error) { return nil, noUser } },
			[]string{"group libvirt-qemu", "groupadd"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			needs := machineRequirements()
			c.change(&needs)
			dir := filepath.Join(shortDir(t), "d")
			_, err := startDaemon(t.Context(), DaemonOptions{Dir: dir}, needs)
			var host *HostError
			if !errors.As(err, &host) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), ErrOwned.Error()) {
				t.Errorf("the folder stayed locked: %v", err)
			}
			if f, err := lockOwner(dir); err != nil {
				t.Errorf("the folder stayed locked: %v", err)
			} else {
				f.Close()
			}
		})
	}
}

func TestALockOnARemovedFolderIsNotTaken(t *testing.T) {
	dir := filepath.Join(shortDir(t), "d")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := lockOwner(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	second, err := lockOwner(dir)
	if err != nil {
		t.Fatalf("a new folder of that name: %v", err)
	}
	defer second.Close()
	first.Close()
	if _, err := lockOwner(dir); !errors.Is(err, ErrOwned) {
		t.Errorf("the new folder has no owner: %v", err)
	}
}

func TestASocketThatIsNotThereIsNamed(t *testing.T) {
	_, err := Connect(t.Context(), "/no/such/socket")
	var host *HostError
	if !errors.As(err, &host) || !strings.Contains(err.Error(), "/no/such/socket") {
		t.Errorf("got %v", err)
	}
}

func TestATooLongPathIsRefused(t *testing.T) {
	_, err := StartDaemon(t.Context(), DaemonOptions{Dir: filepath.Join(t.TempDir(), strings.Repeat("x", 100))})
	if err == nil || !strings.Contains(err.Error(), "107 bytes") || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("got %v", err)
	}
}
