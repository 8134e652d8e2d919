//go:build unix

package initd

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fake is a machine whose processes are numbers. stubborn ones die of SIGKILL
// only.
type fake struct {
	mu       sync.Mutex
	log      []string
	next     int
	running  map[int]bool // value: stubborn
	ended    []int
	hangs    bool // rc.shutdown does not end by itself
	signals  chan os.Signal
	stubborn bool
}

func (f *fake) Start(argv ...string) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	f.log = append(f.log, strings.Join(argv, " "))
	if argv[1] == "/etc/rc.shutdown" && f.hangs {
		f.running[f.next] = f.stubborn
	} else {
		f.ended = append(f.ended, f.next)
		f.signals <- syscall.SIGCHLD
	}
	return f.next, nil
}

func (f *fake) Reap() ([]int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ended := f.ended
	f.ended = nil
	return ended, len(f.running) > 0
}

func (f *fake) KillAll(sig syscall.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprint("kill ", int(sig)))
	for pid, stubborn := range f.running {
		if !stubborn || sig == syscall.SIGKILL {
			delete(f.running, pid)
			f.ended = append(f.ended, pid)
			f.signals <- syscall.SIGCHLD
		}
	}
}

func (f *fake) End(wanted Action) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprint("end ", int(wanted)))
	return nil
}

func run(t *testing.T, f *fake, sig os.Signal) (string, []string) {
	t.Helper()
	f.signals = make(chan os.Signal, 16)
	f.running = map[int]bool{1000: f.stubborn}
	var console bytes.Buffer
	one := Init{Machine: f, Signals: f.signals, Console: &console, ShutdownLimit: 20 * time.Millisecond, KillLimit: 20 * time.Millisecond}
	f.signals <- sig
	if err := one.Run(); err != nil {
		t.Fatal(err)
	}
	return console.String(), f.log
}

func TestShutdownInOrder(t *testing.T) {
	for sig, want := range map[syscall.Signal][]string{
		syscall.SIGINT:  {"/bin/sh /etc/rc autoboot", "/bin/sh /etc/rc.shutdown reboot", "kill 15", "end 1"},
		syscall.SIGUSR1: {"/bin/sh /etc/rc autoboot", "/bin/sh /etc/rc.shutdown single", "kill 15", "end 2"},
		syscall.SIGUSR2: {"/bin/sh /etc/rc autoboot", "/bin/sh /etc/rc.shutdown single", "kill 15", "end 3"},
	} {
		if _, log := run(t, &fake{}, sig); !reflect.DeepEqual(log, want) {
			t.Errorf("after %v: %q, want %q", sig, log, want)
		}
	}
}

func TestHangingShutdownIsBounded(t *testing.T) {
	console, log := run(t, &fake{hangs: true, stubborn: true}, syscall.SIGINT)
	if !strings.Contains(console, "rc.shutdown is timed out") {
		t.Errorf("console = %q", console)
	}
	if want := "kill 9"; log[len(log)-2] != want {
		t.Errorf("log = %q, want %q before the end", log, want)
	}
}
