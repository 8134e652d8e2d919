package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"innkeeper/images/system"
)

// defaultDiskMiB is the size of a root file system whose recipe names none.
const defaultDiskMiB = 1024

// writeDisk makes the qcow2 file of a root file system without mounting
// anything. Its identifiers come from the recipe's hash: the same in each build.
func writeDisk(ctx context.Context, root, disk string, s system.System, hash string) error {
	size := s.Lookalike.DiskMiB
	if size == 0 {
		size = defaultDiskMiB
	}
	raw := filepath.Join(filepath.Dir(disk), "disk.raw")
	defer os.Remove(raw)
	uuid := fmt.Sprintf("%s-%s-4%s-8%s-%s", hash[:8], hash[8:12], hash[13:16], hash[17:20], hash[20:32])
	err := run(ctx, tool(ctx, "mke2fs", "-q", "-t", "ext4", "-L", s.Name, "-U", uuid, "-m", "0", "-J", "size=16",
		"-E", "root_owner=0:0,hash_seed="+uuid+",lazy_itable_init=0,lazy_journal_init=0",
		"-d", root, raw, fmt.Sprintf("%dM", size)))
	if err != nil {
		return fmt.Errorf("put the files on a disk of %d MiB: %w", size, err)
	}
	return run(ctx, tool(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk))
}
