package hypervisor

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"libvirt.org/go/libvirtxml"
)

// Machine describes a guest's hardware.
type Machine struct {
	// Name is the domain's name. Its UUID follows from it: a saved state is
	// refused under another name or UUID.
	Name string
	// MemoryMiB is the guest's memory in MiB, VCPUs its processors.
	MemoryMiB, VCPUs int
	// Kernel, Initrd and KernelArgs boot a kernel directly; without Kernel
	// the disk is booted.
	Kernel, Initrd, KernelArgs string
	// Disk is a qcow2 file the guest may write to.
	Disk string
	// CDROM is an ISO image, empty for none.
	CDROM string
	NICs  []NIC
	// Console is the file that the serial console is appended to.
	Console     string
	Accelerator Accelerator
}

// NIC is a network card whose frames go to a TCP port on loopback.
type NIC struct {
	MAC, Model string
	Port       int
}

// plugged makes sure that somebody listens at the other end of the card: QEMU
// starts without a word if nobody does, and the guest is off the network
// (seen with QEMU 7.2). To try to listen tells without a connection.
func (n NIC) plugged(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port)))
	if err != nil {
		return nil
	}
	l.Close()
	return fmt.Errorf("nothing listens on 127.0.0.1:%d, where the card %s is to be plugged in", n.Port, n.MAC)
}

// emulator is the QEMU of Debian, Ubuntu and Fedora.
const emulator = "/usr/bin/qemu-system-x86_64"

// absolute is the machine with its paths as the daemon, whose working directory
// is another, understands them.
func (m Machine) absolute() (Machine, error) {
	for _, path := range []*string{&m.Kernel, &m.Initrd, &m.Disk, &m.CDROM, &m.Console} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return m, err
		}
		*path = abs
	}
	return m, nil
}

// xml is the domain definition.
func (m Machine) xml() (string, error) {
	d := &libvirtxml.Domain{
		Type: "qemu", Name: m.Name, UUID: uuidOf(m.Name),
		Memory: &libvirtxml.DomainMemory{Value: uint(m.MemoryMiB), Unit: "MiB"},
		VCPU:   &libvirtxml.DomainVCPU{Value: uint(m.VCPUs)},
		OS: &libvirtxml.DomainOS{
			Type:   &libvirtxml.DomainOSType{Arch: "x86_64", Machine: "pc", Type: "hvm"},
			Kernel: m.Kernel, Initrd: m.Initrd, Cmdline: m.KernelArgs,
		},
		Features: &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}, TCG: translations()},
		CPU:      emulated(),
		Clock:    &libvirtxml.DomainClock{Offset: "utc"},
		OnReboot: "restart", OnPoweroff: "destroy", OnCrash: "destroy",
		Devices: m.devices(),
	}
	if m.Accelerator == KVM {
		d.Type = "kvm"
		d.CPU = &libvirtxml.DomainCPU{Mode: "host-passthrough", Migratable: "on"}
		d.Features.TCG = nil
	}
	return d.Marshal()
}

func (m Machine) devices() *libvirtxml.DomainDeviceList {
	first := uint(0)
	list := &libvirtxml.DomainDeviceList{
		Emulator: emulator,
		Disks: []libvirtxml.DomainDisk{{
			Device: "disk",
			// Nothing is synced to the host's disk. What the guest flushes is then
			// in the host's page cache, which survives the death of QEMU.
			Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "qcow2", Discard: "unmap", Cache: "unsafe"},
			Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: m.Disk}},
			Target: &libvirtxml.DomainDiskTarget{Dev: disk, Bus: "virtio"},
		}},
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{File: &libvirtxml.DomainChardevSourceFile{Path: m.Console, Append: "on"}},
			Target: &libvirtxml.DomainSerialTarget{Port: &first},
		}},
		// Screenshots need a VGA.
		Videos: []libvirtxml.DomainVideo{{Model: libvirtxml.DomainVideoModel{Type: "vga"}}},
		RNGs: []libvirtxml.DomainRNG{{
			Model:   "virtio",
			Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}},
		}},
		Controllers: []libvirtxml.DomainController{{Type: "usb", Model: "none"}},
		MemBalloon:  &libvirtxml.DomainMemBalloon{Model: "none"},
	}
	if m.CDROM != "" {
		list.Disks = append(list.Disks, libvirtxml.DomainDisk{
			Device: "cdrom", ReadOnly: &libvirtxml.DomainDiskReadOnly{},
			Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "raw"},
			Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: m.CDROM}},
			Target: &libvirtxml.DomainDiskTarget{Dev: "hda", Bus: "ide"},
		})
	}
	for _, n := range m.NICs {
		list.Interfaces = append(list.Interfaces, libvirtxml.DomainInterface{
			MAC:    &libvirtxml.DomainInterfaceMAC{Address: n.MAC},
			Model:  &libvirtxml.DomainInterfaceModel{Type: n.Model},
			Source: &libvirtxml.DomainInterfaceSource{Client: &libvirtxml.DomainInterfaceSourceClient{Address: "127.0.0.1", Port: uint(n.Port)}},
			// Each option ROM costs boot time, and nothing boots from the network.
			ROM: &libvirtxml.DomainROM{Enabled: "no"},
		})
	}
	return list
}

// uuidOf derives a UUID from a name (RFC 9562, version 5, own namespace).
func uuidOf(name string) string {
	u := sha1.Sum([]byte("innkeeper domain " + name))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// emulated is the processor of guests that run without KVM: x86-64-v2 and no
// more. With all that QEMU 7.2 can emulate, Wine was killed for SMAP and a
// reboot after a restore locked up in the kernel. CMPXCHG16B stays, as Wine
// uses it; the lookalikes' kernels are told not to.
func emulated() *libvirtxml.DomainCPU {
	return &libvirtxml.DomainCPU{
		Mode: "custom", Match: "exact", Check: "none",
		Model: &libvirtxml.DomainCPUModel{Value: "Nehalem", Fallback: "forbid"},
	}
}

// translationsMiB bounds QEMU's cache of translated code, in MiB. Left alone it
// grew each QEMU to 1.3 GiB resident, for a guest of half a GiB.
const translationsMiB = 192

func translations() *libvirtxml.DomainFeatureTCG {
	return &libvirtxml.DomainFeatureTCG{TBCache: &libvirtxml.DomainFeatureTCGTBCache{Unit: "MiB", Size: translationsMiB}}
}

// Fingerprint is equal for machines between which a saved memory can travel:
// it covers all of the definition but paths and ports.
func (m Machine) Fingerprint() (string, error) {
	for _, path := range []*string{&m.Kernel, &m.Initrd, &m.Disk, &m.CDROM, &m.Console} {
		if *path != "" {
			*path = "/"
		}
	}
	m.NICs = slices.Clone(m.NICs)
	for i := range m.NICs {
		m.NICs[i].Port = 1
	}
	xml, err := m.xml()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(xml))
	return hex.EncodeToString(sum[:]), nil
}
