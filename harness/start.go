package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"innkeeper/harness/guest"
	"innkeeper/harness/hypervisor"
	"innkeeper/harness/warm"
	"innkeeper/images/labkey"
)

// up starts the guest, warm if it can, and connects to it.
func (c *Column) up(ctx context.Context) error {
	c.Guest = guest.New(guest.Options{System: c.System, Signer: labkey.Signer(), Dial: c.dialSSH})
	store := warm.Store{Dir: filepath.Join(c.o.Cache, "warm")}
	key, err := c.warmKey()
	if err != nil {
		return err
	}
	if !c.o.Cold {
		state, err := store.Load(key)
		if err == nil {
			if err = c.restore(ctx, state); err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			c.o.Log.Warn("the saved state does not restore; booting instead", "state", key, "error", err)
			err = errors.Join(err, store.Drop(key))
		}
		if !errors.Is(err, warm.ErrAbsent) {
			c.phase("boot", "saved state unusable: "+err.Error())
		}
	}
	if err := c.boot(ctx); err != nil {
		return err
	}
	if c.o.Cold {
		return nil
	}
	return c.save(ctx, store, key)
}

func (c *Column) warmKey() (string, error) {
	hardware, err := c.machine.Fingerprint()
	if err != nil {
		return "", err
	}
	return warm.Key(c.System.Name, c.Image.Hash, hardware, c.host.Version()), nil
}

// bootTimeout and restoreTimeout bound the way from power on to an answering
// sshd. Six guests at once on two cores under emulation took 19 s and 4 s.
const (
	bootTimeout    = 4 * time.Minute
	restoreTimeout = 60 * time.Second
)

func (c *Column) boot(ctx context.Context) (err error) {
	c.phase("boot", "")
	c.start = "cold"
	if err := layOverlay(ctx, c.Image.Disk, c.overlay()); err != nil {
		return err
	}
	if c.Domain, err = c.host.Boot(ctx, c.machine); err != nil {
		return err
	}
	return c.connect(ctx, bootTimeout)
}

// PowerCycle pulls the guest's plug and starts it again from what had reached
// its disk. It returns once ssh is back.
func (c *Column) PowerCycle(ctx context.Context) (err error) {
	c.Guest.Disconnect()
	if err := c.Domain.PowerCut(ctx); err != nil {
		return err
	}
	if c.Domain, err = c.host.Boot(ctx, c.machine); err != nil {
		return err
	}
	return c.connect(ctx, bootTimeout)
}

func (c *Column) restore(ctx context.Context, state warm.State) (err error) {
	c.phase("restore", "")
	c.start = "warm"
	if err := layOverlay(ctx, state.Disk, c.overlay()); err != nil {
		return err
	}
	if c.Domain, err = c.host.Restore(ctx, c.machine, state.Memory); err != nil {
		return err
	}
	if err := c.connect(ctx, restoreTimeout); err != nil {
		return errors.Join(err, c.Domain.PowerCut(ctx))
	}
	seed := make([]byte, 64)
	if _, err := rand.Read(seed); err != nil {
		return err
	}
	return c.Guest.Awake(ctx, time.Now(), seed)
}

// save keeps the booted guest for later runs, then goes on from what it kept,
// so that the first run does not differ from the next.
func (c *Column) save(ctx context.Context, store warm.Store, key string) error {
	c.phase("save", "")
	c.Guest.Disconnect()
	state, err := store.Save(key, func(s warm.State) error {
		if err := c.Domain.Save(ctx, s.Memory); err != nil {
			return err
		}
		c.Domain = nil
		return os.Rename(c.overlay(), s.Disk)
	})
	if err != nil {
		return fmt.Errorf("save %s for warm starts: %w", c.System.Name, err)
	}
	if err := c.restore(ctx, state); err != nil {
		return err
	}
	c.start = "cold"
	return nil
}

func (c *Column) connect(ctx context.Context, limit time.Duration) error {
	c.phase("ssh", "")
	waiting, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	err := c.Guest.Connect(waiting)
	if err == nil {
		return c.watchResets(ctx)
	}
	console, _ := c.Domain.Console()
	return &hypervisor.GuestError{Domain: c.machine.Name, Op: "start", Err: err, Console: console}
}

// watchResets drops the ssh connection when the machine is reset, for as long
// as the domain lives. A guest whose network goes down before its sshd hangs up
// leaves a connection that answers nothing and does not end.
func (c *Column) watchResets(ctx context.Context) error {
	resets, err := c.Domain.Resets(context.WithoutCancel(ctx)) // ends with the host's connection
	if err != nil {
		return err
	}
	c.watchers.Go(func() {
		for range resets {
			c.Guest.Disconnect()
		}
	})
	return nil
}

func (c *Column) dialSSH(ctx context.Context) (net.Conn, error) {
	return c.Lab.Dial(ctx, "tcp", net.JoinHostPort(c.Lab.GuestAddr().String(), "22"))
}
