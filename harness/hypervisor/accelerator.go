package hypervisor

import (
	"context"
	"fmt"
	"time"
)

// Accelerator is how QEMU runs a guest's instructions.
type Accelerator string

// The accelerators.
const (
	KVM Accelerator = "kvm"
	TCG Accelerator = "tcg"
)

// Accelerator chooses KVM only if a guest was seen to run on it as fast as
// hardware does: there are machines where /dev/kvm opens and guests crawl or
// QEMU aborts. The reason says why.
func (h *Host) Accelerator(context.Context) (Accelerator, string) { return h.probe() }

// probes is how often the probe may run: on a busy machine one may be
// interrupted for longer than its limit.
const probes = 3

func chooseAccelerator() (Accelerator, string) {
	var took time.Duration
	for range probes {
		var err error
		if took, err = probeKVM(); err != nil {
			return TCG, err.Error()
		}
		if took <= probeLimit {
			return KVM, fmt.Sprintf("a probe guest ran on KVM in %s", took)
		}
	}
	return TCG, fmt.Sprintf("a probe guest on KVM took %s for what hardware does in less than 1ms", took)
}

// probeLimit tells hardware (well under 1 ms) from emulation (110 ms was seen).
const probeLimit = 10 * time.Millisecond
