package guardian

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDisarmedInTime(t *testing.T) {
	r := newRig(t)
	a := r.arm(time.Hour)
	if pids := r.guardians(); len(pids) != 1 {
		t.Fatalf("the guardians are %v", pids)
	}
	info, err := os.Stat(r.files.path(a.id, armed))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the order is %v, %v", info, err)
	}
	if err := a.Renew(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	if err := a.Disarm(t.Context(), deaf); err != nil {
		t.Error(err)
	}
	r.is("new")
	r.nobody()
}

func TestFiresAtTheDeadline(t *testing.T) {
	r := newRig(t)
	a := r.arm(300 * time.Millisecond)
	r.await("restored", func() bool { return r.value() == before })
	err := a.Disarm(t.Context(), deaf)
	var fired *FiredError
	if !errors.As(err, &fired) || fired.Err != nil || err.Error() != `the guardian undid revision 7 of section "value": it was not confirmed in time` {
		t.Errorf("got %v", err)
	}
	r.nobody()

	r.set("newer")
	a = r.arm(time.Hour)
	if err := a.Renew(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r.await("restored after its deadline was moved", func() bool { return r.value() == before })
	if err := a.Fire(t.Context()); err != nil {
		t.Errorf("fired before: %v", err)
	}
	r.nobody()
}

func TestFireRestoresNow(t *testing.T) {
	r := newRig(t)
	if err := r.arm(time.Hour).Fire(t.Context()); err != nil {
		t.Error(err)
	}
	r.is(before)
	r.nobody()

	r.order.Program.Path = filepath.Join(r.dir, "no-such-plugin")
	r.order.Program.Description.Unkillable = nil
	a := r.arm(time.Hour)
	ctx, cancel := withDeadline(t, 100*time.Millisecond)
	defer cancel()
	if err := a.Fire(ctx); err == nil || !strings.Contains(err.Error(), "no-such-plugin") {
		t.Errorf("got %v", err)
	}
}

// The daemon is dead, or alive and hung: the guardian restores all the same,
// and the next daemon is told.
func TestTheDaemonIsNotNeeded(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "hung": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			d := r.daemon("500ms")
			if err := d.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			r.await("restored", func() bool { return r.value() == before })
			r.await("no guardian is left", func() bool { return len(alive(r.guardians())) == 0 })
			if signal == syscall.SIGSTOP {
				if err := d.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			_ = d.Wait()
			outcomes, err := settle(t, r.Guardian)
			if err != nil || len(outcomes) != 1 || outcomes[0] != (Outcome{Section: "value", Revision: 7, Reason: "it was not confirmed in time"}) {
				t.Errorf("got %+v, %v", outcomes, err)
			}
			r.nobody()
			if outcomes, err := settle(t, r.Guardian); err != nil || len(outcomes) != 0 {
				t.Errorf("told again: %+v, %v", outcomes, err)
			}
		})
	}
}

// A daemon that comes back inside the window restores at once, and the
// guardian of the one before ends.
func TestSettleDoesNotWaitForTheDeadline(t *testing.T) {
	r := newRig(t)
	d := r.daemon("1h")
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.Wait()
	if len(r.guardians()) != 1 {
		t.Fatal("the guardian ended with the daemon")
	}
	outcomes, err := settle(t, r.Guardian)
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil || outcomes[0].Reason != "it was not confirmed when the daemon ended" {
		t.Errorf("got %+v, %v", outcomes, err)
	}
	r.is(before)
	r.await("no guardian is left", func() bool { return len(alive(r.guardians())) == 0 })
	r.nobody()
}

// A guardian that is killed while it restores has begun what Settle ends.
func TestAGuardianThatDiesAtItIsFinished(t *testing.T) {
	r := newRig(t)
	r.order.Checkpoint = []byte(`{"hang":true}`)
	a := r.arm(time.Millisecond)
	r.await("the restore hangs", func() bool { return exists(filepath.Join(r.dir, "value.hangs")) })
	for _, pid := range r.guardians() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range processes("plugin\x00" + r.dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	a.process.Release()
	outcomes, err := settle(t, r.Guardian)
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil {
		t.Errorf("got %+v, %v", outcomes, err)
	}
	r.is(`{"hang":true}`)
	r.nobody()
	a.bells.close()
}

// Without its guardian an order is still the daemon's to disarm.
func TestAGuardianThatWasKilledIsNotMissed(t *testing.T) {
	r := newRig(t)
	a := r.arm(time.Hour)
	for _, pid := range r.guardians() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Disarm(t.Context(), deaf); err != nil {
		t.Error(err)
	}
	r.is("new")
	r.nobody()
}

// Whoever is first wins: the value and the answer agree every time.
func TestDisarmAndDeadlineAtOnce(t *testing.T) {
	r := newRig(t)
	var won int
	for n := range 40 {
		r.set("new")
		a := r.arm(time.Hour)
		if err := a.Renew(t.Context(), time.Duration(rand.N(3000))*time.Microsecond); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Duration(rand.N(3000)) * time.Microsecond); time.Now().Before(end); {
		}
		err := a.Disarm(t.Context(), deaf)
		var fired *FiredError
		switch {
		case err == nil:
			won++
			r.is("new")
		case errors.As(err, &fired) && fired.Err == nil:
			r.is(before)
		default:
			t.Fatalf("round %d: %v", n, err)
		}
		r.nobody()
	}
	t.Logf("disarmed in time in %d of 40 rounds", won)
}

func TestNothingIsArmedWithoutAGuardian(t *testing.T) {
	r := newRig(t)
	ends := filepath.Join(r.dir, "ends")
	if err := os.WriteFile(ends, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for executable, says := range map[string]string{
		ends:                           "the guardian ended at once: exit status 3",
		filepath.Join(r.dir, "absent"): "start the guardian: fork/exec",
	} {
		r.o.Executable = executable
		_, err := r.Arm(t.Context(), r.order)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("arm the rollback of section %q: ", "value")) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
		r.nobody()
	}
	r.is("new")
}

// alive leaves out those that have ended and whose parent has not looked.
func alive(pids []int) []int {
	var all []int
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(b), ") Z ") {
			all = append(all, pid)
		}
	}
	return all
}
