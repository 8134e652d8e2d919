package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// TestQEMU lets a real QEMU on the wire: the boot ROM of its network card
// takes a lease. A second QEMU does so again, as after a power cut.
func TestQEMU(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a virtual machine")
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("qemu-system-x86_64 is not installed: 'matrix doctor --fix' does that, and 'go test -short' leaves this test out")
	}
	l := newTestLab(t, Options{})
	for boot := 1; boot <= 2; boot++ {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		var output bytes.Buffer
		machine := exec.CommandContext(ctx, qemu, "-accel", "tcg", "-m", "64", "-display", "none", "-boot", "n",
			"-nodefaults", "-serial", "none", "-monitor", "none",
			"-netdev", fmt.Sprintf("socket,id=n0,connect=127.0.0.1:%d", l.NICPort(0)),
			"-device", "virtio-net-pci,netdev=n0,mac="+l.MAC(0))
		machine.Stdout, machine.Stderr = &output, &output
		if err := machine.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = machine.Wait()
			cancel() // nothing more to wait for
		}()
		acks := 0
		_, err := l.DHCP().WaitRequest(ctx, func(r DHCPRequest) bool {
			if r.Answer == "ACK" {
				acks++
			}
			return acks == boot
		})
		cancel()
		<-exited
		if bytes.Contains(output.Bytes(), []byte("failed to find romfile")) {
			t.Fatal("QEMU's network boot ROMs are not installed: apt-get install ipxe-qemu")
		}
		if err != nil {
			t.Fatalf("boot %d: %v\n%s", boot, err, output.String())
		}
	}
}
