package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestASavedGuestGoesOnUnderAnotherDaemonWithOtherPathsAndPorts(t *testing.T) {
	one := newBench(t, counting())
	first, plugged := one.machine(t, "first", one.base)
	d, err := one.host.Boot(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, plugged, "connection of the card")
	see(t, d, "hello\r\n.")
	state := filepath.Join(one.dir, "memory.save")
	if err := d.Save(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, d.Ended(), "end after the save")
	if end, err := d.Wait(t.Context()); end != Saved || err != nil {
		t.Errorf("it ended with %q, %v", end, err)
	}

	two := newBench(t, counting())
	second, plugged := two.machine(t, "second", first.Disk)
	if fingerprint(t, first) != fingerprint(t, second) {
		t.Error("the fingerprints differ")
	}
	d, err = two.host.Restore(t.Context(), second, state)
	if err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, plugged, "connection of the card to the new port")
	see(t, d, ".")
	if data, _ := d.Console(); strings.Contains(string(data), "hello") {
		t.Errorf("the guest was booted again, not restored: %q", data)
	}
	// A third run from the same state while the second still runs.
	third, _ := one.machine(t, "third", first.Disk)
	if d, err = one.host.Restore(t.Context(), third, state); err != nil {
		t.Fatal(err)
	}
	see(t, d, ".")
}

func TestPowerIsCutAndComesBack(t *testing.T) {
	b := newBench(t, counting())
	d, m := b.boot(t, "x")
	if err := d.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if end, err := d.Wait(t.Context()); end != Destroyed || err != nil {
		t.Errorf("it ended with %q, %v", end, err)
	}
	if n := running(t, m.Disk); n != 0 {
		t.Errorf("%d QEMUs still run", n)
	}
	if err := d.PowerCut(t.Context()); err != nil {
		t.Errorf("cutting the power of a domain that ended: %v", err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	helloes := func(n int) func() bool {
		return func() bool {
			data, _ := d.Console()
			return bytes.Count(data, []byte("hello")) == n
		}
	}
	eventually(t, helloes(2), func() string { return "no second hello behind the first on the console" })
	if err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("starting a domain that runs: %v", err)
	}
	watching, stop := context.WithCancel(t.Context())
	resets, err := d.Resets(watching)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, resets, "news of the reset")
	stop()
	eventually(t, helloes(3), func() string { return "no third hello after the reset" })
	if err := d.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resets, err = d.Resets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, resets, "news of a reset after a new start")
	select {
	case <-d.Ended():
		t.Error("the reset ended the domain")
	default:
	}
}

func TestAGuestThatPowersOffHasEnded(t *testing.T) {
	b := newBench(t, leaving())
	m, _ := b.machine(t, "x", b.base)
	d, err := b.host.Boot(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, d.Ended(), "end")
	if end, err := d.Wait(t.Context()); end != ShutDown || err != nil {
		t.Errorf("it ended with %q, %v", end, err)
	}
	see(t, d, "bye")
	if err := d.Start(t.Context()); err != nil {
		t.Errorf("powering it on again: %v", err)
	}
}

func TestAGuestCanBeLookedAt(t *testing.T) {
	b := newBench(t, counting())
	d, m := b.boot(t, "x")
	if n := d.MemoryMiB(); n < 10 || n > 500 {
		t.Errorf("its QEMU is told to take %d MiB", n)
	}
	if n, err := d.Flushes(t.Context()); n != 0 || err != nil { // it never writes
		t.Errorf("its disk was flushed %d times, %v", n, err)
	}
	picture, err := d.Screenshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := png.Decode(bytes.NewReader(picture)); err != nil || p.Bounds().Dx() < 320 {
		t.Errorf("the screenshot is no picture: %v", err)
	}
	if err := d.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Screenshot(t.Context()); err == nil || !strings.Contains(err.Error(), m.Name) {
		t.Errorf("a screenshot of a domain that ended: %v", err)
	}
}

func TestABootThatIsCancelledLeavesNothing(t *testing.T) {
	b := newBench(t, counting())
	m, plugged := b.machine(t, "x", b.base)
	limited, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	ctx, cancel := context.WithCancelCause(limited)
	enough := errors.New("enough")
	var cancelling sync.WaitGroup
	cancelling.Go(func() {
		select {
		case <-plugged: // QEMU is there, libvirt is still busy with it
			cancel(enough)
		case <-ctx.Done():
		}
	})
	d, err := b.host.Boot(ctx, m)
	cancelling.Wait()
	if err == nil {
		t.Log("the boot was through before it was cancelled")
		if err := d.PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
	} else if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if _, err := b.host.Boot(ctx, m); !errors.Is(err, enough) {
		t.Errorf("a boot after the end of its context: %v", err)
	}
	eventually(t, func() bool { return running(t, m.Disk) == 0 }, func() string { return "its QEMU still runs" })
	eventually(t, func() bool { d, err = b.host.Boot(t.Context(), m); return err == nil },
		func() string { return "it does not boot again: " + err.Error() })
}

func TestASaveThatIsCancelledLeavesNoFile(t *testing.T) {
	b := newBench(t, counting())
	d, _ := b.boot(t, "x")
	state := filepath.Join(b.dir, "memory.save")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := d.Save(ctx, state); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := b.host.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	b.host = connect(t, b.daemon)
}

func TestWhatCannotStartIsTheHostsFault(t *testing.T) {
	b := newBench(t, counting())
	good, _ := b.machine(t, "x", b.base)
	for name, c := range map[string]struct {
		change func(*Machine)
		want   string
	}{
		"no disk":    {func(m *Machine) { m.Disk = "/no/such/disk.qcow2" }, "/no/such/disk.qcow2"},
		"no port":    {func(m *Machine) { m.NICs = []NIC{{MAC: "52:54:00:00:77:01", Model: "virtio", Port: 1}} }, "nothing listens on 127.0.0.1:1"},
		"no model":   {func(m *Machine) { m.NICs = []NIC{{MAC: "52:54:00:00:77:01", Model: "tincan", Port: m.NICs[0].Port}} }, "tincan"},
		"no console": {func(m *Machine) { m.Console = "/no/such/console" }, "/no/such/console"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			c.change(&m)
			_, err := b.host.Boot(t.Context(), m)
			var host *HostError
			if !errors.As(err, &host) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), m.Name) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("no state", func(t *testing.T) {
		_, err := b.host.Restore(t.Context(), good, "/no/such/state")
		if err == nil || !strings.Contains(err.Error(), "/no/such/state") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no saved state", func(t *testing.T) {
		_, err := b.host.Restore(t.Context(), good, b.base)
		if err == nil || !strings.Contains(err.Error(), good.Name) {
			t.Errorf("got %v", err)
		}
	})
	// And none of that keeps the good one from starting.
	d, err := b.host.Boot(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	see(t, d, "hello")
}

func TestTheFingerprintCoversAllThatAStateDependsOn(t *testing.T) {
	m := Machine{Name: "a", MemoryMiB: 32, VCPUs: 1, Disk: "/x", Console: "/y", NICs: []NIC{{MAC: "52:54:00:00:77:01", Model: "virtio", Port: 7}}}
	other := m
	other.NICs = []NIC{{MAC: "52:54:00:00:77:01", Model: "virtio", Port: 8}}
	other.Disk = "/elsewhere"
	if fingerprint(t, m) != fingerprint(t, other) {
		t.Error("path and port change the fingerprint")
	}
	for name, change := range map[string]func(*Machine){
		"memory": func(m *Machine) { m.MemoryMiB = 64 },
		"name":   func(m *Machine) { m.Name = "b" },
		"card":   func(m *Machine) { m.NICs = nil },
		"drive":  func(m *Machine) { m.CDROM = "/z" },
		"kvm":    func(m *Machine) { m.Accelerator = KVM },
	} {
		changed := m
		change(&changed)
		if fingerprint(t, changed) == fingerprint(t, m) {
			t.Errorf("another %s does not change the fingerprint", name)
		}
	}
}

func TestTheProbeDecidesWithAReason(t *testing.T) {
	accelerator, reason := chooseAccelerator()
	if accelerator != KVM && accelerator != TCG || reason == "" {
		t.Errorf("%q because %q", accelerator, reason)
	}
	t.Logf("%s: %s", accelerator, reason)
}

func fingerprint(t *testing.T, m Machine) string {
	t.Helper()
	f, err := m.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return f
}
