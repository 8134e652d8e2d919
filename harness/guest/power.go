package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// bootMark prints something that differs from boot to boot: Linux' boot id, or
// the boot time that FreeBSD's kernel keeps (sysctl kern.boottime).
const bootMark = "cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boottime"

// downTimeout bounds the time a guest may take from being told to reboot until
// its sshd is gone.
const downTimeout = 60 * time.Second

// Reboot has the guest reboot itself and returns once ssh is back in a new
// boot. Bound it by ctx.
func (g *Guest) Reboot(ctx context.Context) error {
	before, err := g.Script(ctx, bootMark)
	if err != nil {
		return err
	}
	gone := g.Gone()
	var dropped *ExitError
	if _, err := g.Raw(ctx, g.o.System.Tools.Reboot...); errors.As(err, &dropped) && dropped.Output.ExitCode > 0 && dropped.Output.ExitCode < 128 {
		return fmt.Errorf("reboot: %w", err)
	}
	timer := time.NewTimer(downTimeout)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		g.Disconnect() // a kernel that stopped without a word: the new boot tells
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting for the reboot to begin: %w", g.o.System.Name, context.Cause(ctx))
	}
	return g.awaitBoot(ctx, before.Stdout)
}

// awaitBoot connects until the guest answers from a boot other than before.
func (g *Guest) awaitBoot(ctx context.Context, before string) error {
	for {
		if err := g.Connect(ctx); err != nil {
			return fmt.Errorf("after the reboot: %w", err)
		}
		now, err := g.Script(ctx, bootMark)
		if err == nil && strings.TrimSpace(now.Stdout) != strings.TrimSpace(before) {
			return nil
		}
		// Still the old boot, on its way down: wait for it to hang up.
		select {
		case <-g.Gone():
		case <-ctx.Done():
			return fmt.Errorf("%s: still in the boot before the reboot: %w", g.o.System.Name, context.Cause(ctx))
		}
	}
}

// Mark returns what tells this boot from another.
func (g *Guest) Mark(ctx context.Context) (string, error) {
	out, err := g.Script(ctx, bootMark)
	return strings.TrimSpace(out.Stdout), err
}

// Awake sets the guest's clock to ours and feeds its entropy pool. A guest
// restored from a saved state is behind by the time it slept, and every
// restore begins with the same randomness.
func (g *Guest) Awake(ctx context.Context, now time.Time, seed []byte) error {
	_, err := g.Script(ctx, fmt.Sprintf(
		"printf %%s %x > /dev/urandom; date -u -s @%[2]d >/dev/null 2>&1 || date -u -f %%s %[2]d >/dev/null", seed, now.Unix()))
	if err != nil {
		return fmt.Errorf("set the clock after the restore: %w", err)
	}
	return nil
}
