package service

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
)

//go:embed guestd.init
var initScript string

const initFile = "/etc/init.d/guestd"

// Sysvinit is a script of sysvinit, registered with chkconfig as Red Hat's
// systems do. Init starts a script once and forgets it, so that the script
// keeps a small supervisor that starts guestd again whenever it ends.
func Sysvinit(m guest.Machine, binary string) Service { return sysvinit{m, binary} }

type sysvinit struct {
	m      guest.Machine
	binary string
}

// Install implements Service.
func (s sysvinit) Install(ctx context.Context) error {
	script := strings.ReplaceAll(initScript, "@BINARY@", s.binary)
	if _, err := put(s.m, initFile, []byte(script), 0o755); err != nil {
		return fmt.Errorf("install the init script: %w", err)
	}
	for _, args := range [][]string{{"--add", Name}, {"--level", "345", Name, "on"}} {
		if _, err := guest.Output(ctx, s.m, "/sbin/chkconfig", args...); err != nil {
			return err
		}
	}
	return s.script(ctx, "restart")
}

// Uninstall implements Service.
func (s sysvinit) Uninstall(ctx context.Context) error {
	if !exists(s.m, initFile) {
		return nil
	}
	if err := s.script(ctx, "stop"); err != nil {
		return err
	}
	if _, err := guest.Output(ctx, s.m, "/sbin/chkconfig", "--del", Name); err != nil {
		return err
	}
	if _, err := remove(s.m, initFile); err != nil {
		return fmt.Errorf("remove the init script: %w", err)
	}
	return nil
}

// Running implements Service. The script answers by the exit status that the
// LSB gives to status: 0 for a running service, 3 for a stopped one.
func (s sysvinit) Running(ctx context.Context) (bool, error) {
	if !exists(s.m, initFile) {
		return false, nil
	}
	r, err := s.m.Run(ctx, guest.Command{Path: initFile, Args: []string{"status"}})
	return err == nil && r.ExitCode == 0, err
}

// script calls the init script. Stopping waits for guestd's end.
func (s sysvinit) script(ctx context.Context, verb string) error {
	c := guest.Command{Path: initFile, Args: []string{verb}, Deadline: stopTime}
	r, err := s.m.Run(ctx, c)
	if err != nil {
		return err
	}
	return guest.Check(c, r)
}
