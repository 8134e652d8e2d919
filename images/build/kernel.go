package build

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"innkeeper/harness/artifact"
	"innkeeper/images/base"
)

// takeKernel takes the kernel's package apart: modules into the root, the
// kernel uncompressed and the initrd beside it.
func (b *builder) takeKernel(ctx context.Context, dir, root string) error {
	debs, err := filepath.Glob(filepath.Join(root, kernelDir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("the kernel's package: %d files, want one (%w)", len(debs), err)
	}
	parts := filepath.Join(dir, "kernel")
	if err := run(ctx, tool(ctx, "dpkg-deb", "--extract", debs[0], parts)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(root, kernelDir)); err != nil {
		return err
	}
	images, err := filepath.Glob(filepath.Join(parts, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return fmt.Errorf("the kernel's package has %d kernels, want one (%w)", len(images), err)
	}
	bz, err := os.ReadFile(images[0])
	if err != nil {
		return err
	}
	elf, err := uncompressKernel(bz)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(images[0]), err)
	}
	if err := os.WriteFile(filepath.Join(dir, kernelFile), elf, 0o644); err != nil {
		return err
	}
	modules, err := moveModules(ctx, parts, root)
	if err != nil {
		return err
	}
	initBinary, err := artifact.Build(ctx, base.Init, guestTarget, filepath.Join(dir, "init"), "init")
	if err != nil {
		return err
	}
	return writeInitrd(ctx, filepath.Join(dir, initrdFile), initBinary, modules, base.Modules)
}

// moveModules moves the kernel's modules into the root and lists their
// dependencies there. It returns their folder.
func moveModules(ctx context.Context, parts, root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(parts, "usr/lib/modules/*"))
	if err == nil && len(found) == 0 {
		found, err = filepath.Glob(filepath.Join(parts, "lib/modules/*"))
	}
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("the kernel's package has %d folders of modules, want one (%w)", len(found), err)
	}
	release := filepath.Base(found[0])
	to := filepath.Join(root, "usr/lib/modules", release)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(found[0], to); err != nil {
		return "", err
	}
	return to, chroot{root}.run(ctx, false, nil, "depmod", release)
}

// Offsets in the header of an x86 kernel image (the kernel's
// Documentation/arch/x86/boot.rst, protocol 2.08 and later).
const (
	setupSectsAt    = 0x1f1
	headerMagicAt   = 0x202
	versionAt       = 0x206
	payloadOffsetAt = 0x248
	payloadLengthAt = 0x24c
	headerEnd       = 0x250
)

// maxKernel bounds what a kernel image may unpack to.
const maxKernel = 512 << 20

// uncompressKernel takes the ELF kernel out of a bzImage. QEMU starts it
// directly (PVH), which saves the guest its own decompression: 0.5 to 2 s
// where the processor is emulated.
func uncompressKernel(bz []byte) ([]byte, error) {
	if len(bz) < headerEnd || string(bz[headerMagicAt:headerMagicAt+4]) != "HdrS" {
		return nil, errors.New("not an x86 kernel image")
	}
	if v := binary.LittleEndian.Uint16(bz[versionAt:]); v < 0x208 {
		return nil, fmt.Errorf("boot protocol %#x does not tell where the kernel lies", v)
	}
	sects := int64(bz[setupSectsAt])
	if sects == 0 {
		sects = 4
	}
	start := (sects+1)*512 + int64(binary.LittleEndian.Uint32(bz[payloadOffsetAt:]))
	end := start + int64(binary.LittleEndian.Uint32(bz[payloadLengthAt:]))
	if end > int64(len(bz)) || end-start < 8 {
		return nil, fmt.Errorf("its header says the kernel lies at %d to %d of %d bytes", start, end, len(bz))
	}
	payload := bz[start : end-4] // the last four bytes are the length unpacked
	if binary.LittleEndian.Uint32(payload) != 0xfd2fb528 {
		return nil, fmt.Errorf("its kernel is not compressed by zstd (it begins with % x)", payload[:4])
	}
	d, err := zstd.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	elf, err := io.ReadAll(io.LimitReader(d, maxKernel))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return nil, errors.New("what it unpacks to is not an ELF kernel")
	}
	return elf, nil
}
