// Package harness brings a guest up for specs and takes it down again: the
// image, the lab, the hypervisor, the warm or cold start and the ssh
// connection, as one Go value, the Column.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"innkeeper/harness/event"
	"innkeeper/harness/guest"
	"innkeeper/harness/hypervisor"
	"innkeeper/harness/lab"
	"innkeeper/images/build"
	"innkeeper/images/labkey"
	"innkeeper/images/system"
)

// Options say which guest to bring up and where.
type Options struct {
	// System is the catalogue entry.
	System system.System
	// ImageFile is a qcow2 file of the user's own to boot instead of the
	// lookalike. It must let root in by the lab key (labkey.AuthorizedKey)
	// and take its first card's address by DHCP.
	ImageFile string
	// Built is an image that was built and verified already; nil has Open see
	// to that.
	Built *build.Image
	// Hypervisor is the socket of a libvirt daemon; empty starts a private one.
	Hypervisor string
	// Work is the folder of this column: disk overlay, console, evidence.
	Work string
	// Cache is the folder of images and saved states that runs share.
	Cache string
	// Cold boots although a saved state is there.
	Cold bool
	// Events is told of phases; nil for nobody.
	Events *event.Writer
	Log    *slog.Logger
}

// Column is one guest with its lab, up and reachable.
type Column struct {
	System system.System
	Image  build.Image
	Lab    *lab.Lab
	Guest  *guest.Guest
	Domain *hypervisor.Domain

	o       Options
	host    *hypervisor.Host
	daemon  *hypervisor.Daemon
	machine hypervisor.Machine
	start   string // "warm" or "cold"

	watchers sync.WaitGroup // one for each start of the domain
}

// Open brings a guest up. Whatever it started is ended again if it fails.
func Open(ctx context.Context, o Options) (c *Column, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c = &Column{System: o.System, o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
			c = nil
		}
	}()
	if err := os.MkdirAll(o.Work, 0o700); err != nil {
		return c, err
	}
	if err := c.openImage(ctx); err != nil {
		return c, err
	}
	c.phase("lab", "")
	if c.Lab, err = lab.New(ctx, lab.Options{Log: o.Log, NICs: o.System.Cards()}); err != nil {
		return c, fmt.Errorf("lab: %w", err)
	}
	if err := c.openHypervisor(ctx); err != nil {
		return c, err
	}
	begun := time.Now()
	if err := c.up(ctx); err != nil {
		return c, err
	}
	c.tell(time.Since(begun))
	return c, nil
}

// Close takes the guest down and ends the lab and what else Open started.
func (c *Column) Close(ctx context.Context) error {
	c.phase("down", "")
	var errs []error
	if c.Guest != nil {
		c.Guest.Disconnect()
	}
	if c.Domain != nil {
		errs = append(errs, c.Domain.PowerCut(ctx))
	}
	if c.host != nil {
		errs = append(errs, c.host.Close())
		c.watchers.Wait()
	}
	if c.daemon != nil {
		errs = append(errs, c.daemon.Close(ctx))
	}
	if c.Lab != nil {
		errs = append(errs, c.Lab.Close())
	}
	errs = append(errs, os.RemoveAll(c.overlay()))
	return errors.Join(errs...)
}

// EvidenceDir is where files about failed specs go.
func (c *Column) EvidenceDir() string { return filepath.Join(c.o.Work, "evidence") }

func (c *Column) openImage(ctx context.Context) (err error) {
	if c.o.ImageFile != "" {
		c.Image, err = userImage(c.o.System, c.o.ImageFile)
		return err
	}
	if c.o.Built != nil {
		c.Image = *c.o.Built
		return nil
	}
	c.phase("image", "")
	c.Image, err = build.Ensure(ctx, c.o.System, build.Options{
		Cache: c.o.Cache, Log: c.o.Log,
		Progress: func(_, step string) { c.phase("image", step) },
	})
	if err != nil {
		return fmt.Errorf("image of %s: %w", c.System.Name, err)
	}
	return nil
}

// userImage describes a qcow2 file of the user's own, taken for the vendor's system.
func userImage(s system.System, file string) (build.Image, error) {
	if err := CheckImage(file); err != nil {
		return build.Image{}, fmt.Errorf("image for %s: %w", s.Name, err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return build.Image{}, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return build.Image{}, err
	}
	img := build.Image{
		System: s.Name, Fidelity: system.Vendor, Disk: abs,
		Hash: fmt.Sprintf("file-%s-%d-%d", abs, info.Size(), info.ModTime().UnixNano()),
		GOOS: "linux", GOARCH: "amd64",
	}
	if len(s.Vendor) > 0 {
		img.GOOS, img.GOARCH = s.Vendor[0].GOOS, s.Vendor[0].GOARCH
	}
	return img, nil
}

// CheckImage says why a file cannot be booted as a guest's disk.
func CheckImage(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != "QFI\xfb" {
		return fmt.Errorf("%s is not a qcow2 file; convert it with 'qemu-img convert -O qcow2'", file)
	}
	return nil
}

func (c *Column) openHypervisor(ctx context.Context) (err error) {
	socket := c.o.Hypervisor
	if socket == "" {
		c.phase("hypervisor", "starting a private libvirtd")
		c.daemon, err = hypervisor.StartDaemon(ctx, hypervisor.DaemonOptions{Dir: filepath.Join(c.o.Work, "hv"), Cache: filepath.Join(c.o.Cache, "libvirt"), Log: c.o.Log})
		if err != nil {
			return err
		}
		socket = c.daemon.Socket()
	}
	if c.host, err = hypervisor.Connect(ctx, socket); err != nil {
		return err
	}
	accelerator, reason := c.host.Accelerator(ctx)
	c.o.Log.Info("accelerator", "is", accelerator, "because", reason)
	c.machine = c.describe(accelerator)
	return nil
}

// describe is the domain of this column. Name, UUID and MAC are the same in
// every run, since a saved state is refused under others (measured with
// libvirt 9.0); runs are kept apart by their private daemons.
func (c *Column) describe(accelerator hypervisor.Accelerator) hypervisor.Machine {
	model := c.System.NICModel
	if model == "" {
		model = "virtio"
	}
	var cards []hypervisor.NIC
	for i := range c.System.Cards() {
		cards = append(cards, hypervisor.NIC{MAC: c.Lab.MAC(i), Model: model, Port: c.Lab.NICPort(i)})
	}
	return hypervisor.Machine{
		Name:      "innkeeper-" + c.System.Name,
		MemoryMiB: c.System.MemoryMiB, VCPUs: 1,
		Kernel: c.Image.Kernel, Initrd: c.Image.Initrd, KernelArgs: c.Image.KernelArgs,
		Disk:        c.overlay(),
		NICs:        cards,
		Console:     filepath.Join(c.o.Work, "console.log"),
		Accelerator: accelerator,
	}
}

func (c *Column) overlay() string { return filepath.Join(c.o.Work, "disk.qcow2") }

// layOverlay makes an empty qcow2 file over base.
func layOverlay(ctx context.Context, base, file string) error {
	if err := os.RemoveAll(file); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img create %s over %s: %w: %s", file, base, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (c *Column) phase(name, detail string) {
	c.o.Log.Info("phase", "phase", name, "detail", detail)
	c.o.Events.Emit(event.Event{Kind: event.Phase, Phase: name, Detail: detail})
}

func (c *Column) tell(took time.Duration) {
	c.o.Events.Emit(event.Event{Kind: event.Guest, Guest: &event.GuestInfo{
		System: c.System.Name, Title: c.System.Title,
		Fidelity: string(c.Image.Fidelity), Underneath: c.underneath(),
		Target:      c.Image.GOOS + "/" + c.Image.GOARCH,
		Accelerator: string(c.machine.Accelerator), Start: c.start,
		BootSeconds: took.Seconds(), MemoryMiB: c.Domain.MemoryMiB(),
		Trimmed: c.trimmed(),
	}})
}

func (c *Column) underneath() string {
	if c.Image.Fidelity != system.Lookalike {
		return ""
	}
	return c.System.Lookalike.Underneath
}

func (c *Column) trimmed() []string {
	if c.Image.Fidelity != system.Lookalike {
		return nil
	}
	return c.System.Lookalike.Trimmed
}

// Signer proves us to the guests' sshd.
func Signer() ssh.Signer { return labkey.Signer() }
