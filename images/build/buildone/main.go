// Command buildone builds the image of one system and says how to boot it by
// hand, for whoever works on a recipe:
//
//	go run ./images/build/buildone [--cache DIR] SYSTEM
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/images/build"
	"innkeeper/images/catalogue"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "buildone:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

type usageError struct{ error }

func run(ctx context.Context, args []string) error {
	flags := pflag.NewFlagSet("buildone", pflag.ContinueOnError)
	home, err := os.UserCacheDir()
	if err != nil {
		home = os.TempDir()
	}
	cache := flags.String("cache", filepath.Join(home, "innkeeper"), "folder of the image cache")
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return usageError{err}
	}
	if flags.NArg() != 1 {
		return usageError{errors.New("name one system")}
	}
	s, err := catalogue.Lookup(flags.Arg(0))
	if err != nil {
		return usageError{err}
	}
	begin := time.Now()
	img, err := build.Ensure(ctx, s, build.Options{Cache: *cache, Progress: func(system, step string) {
		fmt.Fprintf(os.Stderr, "%6.1fs %s: %s\n", time.Since(begin).Seconds(), system, step)
	}})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%6.1fs %s: %s\n", time.Since(begin).Seconds(), s.Name, img.Disk)
	fmt.Printf(`qemu-img create -f qcow2 -b %s -F qcow2 overlay.qcow2
qemu-system-x86_64 -M q35 -cpu max -m %d -nographic -no-reboot \
  -kernel %s -initrd %s -append '%s' \
  -drive if=virtio,file=overlay.qcow2 -device virtio-rng-pci \
  -netdev user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22 \
  -device virtio-net-pci,netdev=n0,mac=52:54:00:00:77:01,romfile=
`, img.Disk, s.MemoryMiB, img.Kernel, img.Initrd, img.KernelArgs)
	return nil
}
