// Package specs holds the behaviour specs: written once, run on every system
// by one process per guest. They speak to a guest's agent through the platform
// only, and look at the guest from outside: over the lab, and with the
// system's own tools over ssh.
//
//	go test ./specs -args --guest=pfsense
//
// runs them on one guest; matrix runs them on all at once.
package specs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/harness"
	"innkeeper/harness/event"
	"innkeeper/images/catalogue"
	"innkeeper/images/system"
)

// What the suite works on, set up once by BeforeSuite.
var (
	column *harness.Column
	agent  *Agent
	events *event.Writer
)

func TestMain(m *testing.M) {
	options.parse()
	// The matrix holds the other end of this pipe: when it dies, whatever the
	// way, the read ends and so does this column, its guest with it.
	if options.parentFD > 0 {
		go endWithParent(options.parentFD) // owned by the process: ends it
	}
	os.Exit(m.Run())
}

func endWithParent(fd int) {
	said, err := io.ReadAll(os.NewFile(uintptr(fd), "parent"))
	if err == nil && string(said) == "stay" {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
}

func TestSpecs(t *testing.T) {
	entry, err := catalogue.Lookup(options.guest)
	if err != nil {
		t.Fatalf("%v\nsay which guest: go test ./specs -args --guest=SYSTEM", err)
	}
	options.system = entry
	if options.eventsFD > 0 {
		events = event.NewWriter(os.NewFile(uintptr(options.eventsFD), "events"))
	}
	RegisterFailHandler(Fail)
	passed := RunSpecs(t, "agent on "+entry.Name, Label(entry.Name))
	if options.keep && column != nil {
		keep(t)
	}
	_ = passed
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	programs, err := programsFor(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	built, err := builtImage(options.built)
	Expect(err).NotTo(HaveOccurred())
	column, err = harness.Open(ctx, harness.Options{
		System: options.system, ImageFile: options.image, Built: built, Hypervisor: options.hypervisor,
		Work: options.work, Cache: options.cache, Cold: options.cold,
		Events: events, Log: logger(),
	})
	Expect(err).NotTo(HaveOccurred())
	agent, err = admit(ctx, column, programs)
	Expect(err).NotTo(HaveOccurred())
	phase("specs", "")
}, NodeTimeout(setUpTimeout))

var _ = AfterSuite(func(ctx SpecContext) {
	if options.keep {
		return
	}
	Expect(closeAll(ctx)).To(Succeed())
}, NodeTimeout(tearDownTimeout))

func closeAll(ctx context.Context) error {
	var errs []error
	if agent != nil {
		errs = append(errs, agent.Close())
	}
	if column != nil {
		errs = append(errs, column.Close(ctx))
	}
	return errors.Join(errs...)
}

// keep leaves the guest running after the specs, for matrix shell, until it is
// told to end.
func keep(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	events.Emit(event.Event{Kind: event.Ready})
	socket := filepath.Join(options.work, "shell.sock")
	if err := harness.ServeShell(ctx, socket, column.Guest); err != nil {
		t.Errorf("keep the guest: %v", err)
	}
	end, cancel := context.WithTimeout(context.Background(), tearDownTimeout)
	defer cancel()
	if err := closeAll(end); err != nil {
		t.Errorf("take the guest down: %v", err)
	}
}

func phase(name, detail string) {
	events.Emit(event.Event{Kind: event.Phase, Phase: name, Detail: detail})
}

// logger writes to the work folder: the harness's own account of a column.
func logger() *slog.Logger {
	f, err := os.OpenFile(filepath.Join(options.work, "harness.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	}
	return slog.New(slog.NewTextHandler(f, nil))
}

// names returns a host name that no earlier spec of this seed used.
func names(purpose string) string {
	serial++
	return fmt.Sprintf("%s-%d-%d", purpose, GinkgoRandomSeed()%1000, serial)
}

var serial int

// sys is the catalogue entry of the guest under test.
func sys() system.System { return options.system }
