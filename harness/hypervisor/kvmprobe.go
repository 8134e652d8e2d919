package hypervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctl numbers and offsets of the KVM API (Linux Documentation/virt/kvm/api.rst,
// arch/x86/include/uapi/asm/kvm.h).
const (
	kvmCreateVM            = 0xAE01
	kvmGetVCPUMmapSize     = 0xAE04
	kvmCreateVCPU          = 0xAE41
	kvmRun                 = 0xAE80
	kvmSetUserMemoryRegion = 0x4020AE46
	kvmSetRegs             = 0x4090AE82
	kvmGetSregs            = 0x8138AE83
	kvmSetSregs            = 0x4138AE84

	kvmRegsSize, kvmRegsRIP, kvmRegsRFLAGS = 144, 128, 136
	kvmSregsSize                           = 312
	kvmSegmentSelector                     = 12 // CS is the first segment of kvm_sregs
	kvmRunImmediateExit                    = 1
	kvmRunExitReason                       = 8
	kvmExitHLT                             = 5
)

// probeCode counts a register down in real mode and halts:
// mov ecx, 100000; dec ecx; jnz; hlt.
var probeCode = []byte{0x66, 0xB9, 0xA0, 0x86, 0x01, 0x00, 0x66, 0x49, 0x75, 0xFC, 0xF4}

// probeKVM runs probeCode in a virtual machine and tells how long it took.
func probeKVM() (time.Duration, error) {
	runtime.LockOSThread() // KVM wants a vCPU run by one thread
	defer runtime.UnlockOSThread()
	dev, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("KVM cannot be used: %w", err)
	}
	defer dev.Close()
	vm, err := ioctl(int(dev.Fd()), kvmCreateVM, 0)
	if err != nil {
		return 0, fmt.Errorf("KVM makes no virtual machine: %w", err)
	}
	defer unix.Close(vm)
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(memory)
	copy(memory, probeCode)
	region := make([]byte, 32) // slot, flags, guest_phys_addr 0, memory_size, userspace_addr
	binary.NativeEndian.PutUint64(region[16:], uint64(len(memory)))
	binary.NativeEndian.PutUint64(region[24:], uint64(uintptr(unsafe.Pointer(&memory[0]))))
	if err := ioctlBytes(vm, kvmSetUserMemoryRegion, region); err != nil {
		return 0, fmt.Errorf("KVM takes no memory: %w", err)
	}
	return probeVCPU(int(dev.Fd()), vm)
}

func probeVCPU(dev, vm int) (time.Duration, error) {
	vcpu, err := ioctl(vm, kvmCreateVCPU, 0)
	if err != nil {
		return 0, fmt.Errorf("KVM makes no vCPU: %w", err)
	}
	defer unix.Close(vcpu)
	size, err := ioctl(dev, kvmGetVCPUMmapSize, 0)
	if err != nil {
		return 0, fmt.Errorf("KVM tells no size of a vCPU: %w", err)
	}
	state, err := unix.Mmap(vcpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(state)
	sregs := make([]byte, kvmSregsSize)
	if err := ioctlBytes(vcpu, kvmGetSregs, sregs); err != nil {
		return 0, fmt.Errorf("KVM tells no registers: %w", err)
	}
	binary.NativeEndian.PutUint64(sregs, 0)
	binary.NativeEndian.PutUint16(sregs[kvmSegmentSelector:], 0)
	if err := ioctlBytes(vcpu, kvmSetSregs, sregs); err != nil {
		return 0, fmt.Errorf("KVM sets no registers: %w", err)
	}
	regs := make([]byte, kvmRegsSize)
	binary.NativeEndian.PutUint64(regs[kvmRegsRIP:], 0)
	binary.NativeEndian.PutUint64(regs[kvmRegsRFLAGS:], 2)
	if err := ioctlBytes(vcpu, kvmSetRegs, regs); err != nil {
		return 0, fmt.Errorf("KVM sets no registers: %w", err)
	}
	took, err := runVCPU(vcpu, state)
	if err != nil {
		return 0, err
	}
	if reason := binary.NativeEndian.Uint32(state[kvmRunExitReason:]); reason != kvmExitHLT {
		return 0, fmt.Errorf("a probe guest on KVM ended with reason %d, not with its halt", reason)
	}
	return took, nil
}

// probeTimeout bounds a guest that never halts.
const probeTimeout = 2 * time.Second

// runVCPU runs until the guest leaves. One that does not is made to: a signal
// to the thread, after which immediate_exit keeps it out. The signal is the one
// that the Go runtime sends its own threads and whose arrival it expects at any
// time.
func runVCPU(vcpu int, state []byte) (time.Duration, error) {
	var late atomic.Bool
	pid, tid := unix.Getpid(), unix.Gettid()
	kicked := make(chan struct{})
	kick := time.AfterFunc(probeTimeout, func() {
		defer close(kicked)
		late.Store(true)
		state[kvmRunImmediateExit] = 1
		_ = unix.Tgkill(pid, tid, unix.SIGURG)
	})
	begun := time.Now()
	_, err := ioctl(vcpu, kvmRun, 0)
	for errors.Is(err, unix.EINTR) && !late.Load() {
		_, err = ioctl(vcpu, kvmRun, 0)
	}
	took := time.Since(begun)
	if !kick.Stop() {
		<-kicked // it writes to state, which the caller is about to unmap
	}
	switch {
	case late.Load():
		return 0, fmt.Errorf("a probe guest on KVM did not end within %s", probeTimeout)
	case err != nil:
		return 0, fmt.Errorf("KVM does not run: %w", err)
	}
	return took, nil
}

func ioctl(fd int, request uint, arg uintptr) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), arg)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

func ioctlBytes(fd int, request uint, data []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&data[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
