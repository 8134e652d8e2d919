package service

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
)

//go:embed guestd.rc
var rcScript string

// rcFile must end in .sh: pfSense starts no others (rc.start_packages).
const rcFile = "/usr/local/etc/rc.d/guestd.sh"

// PFSense is a script that pfSense starts with its packages, and a shellcmd in
// config.xml that starts guestd where a restored configuration or an upgrade
// has lost the script. Whichever is second finds it running.
func PFSense(m guest.Machine, binary string) Service { return pfSense{m, binary} }

type pfSense struct {
	m      guest.Machine
	binary string
}

// Install implements Service.
func (p pfSense) Install(ctx context.Context) error {
	d := daemon(p)
	script := strings.NewReplacer("@COMMAND@", d.command().String(), "@PIDFILE@", pidFile).Replace(rcScript)
	if _, err := put(p.m, rcFile, []byte(script), 0o755); err != nil {
		return fmt.Errorf("install the rc script: %w", err)
	}
	if _, err := pfsenseconfig.SetShellcmd(ctx, p.m, p.binary, d.command().String()); err != nil {
		return fmt.Errorf("register the shellcmd in config.xml: %w", err)
	}
	if err := d.stop(ctx); err != nil {
		return err
	}
	_, err := guest.Output(ctx, p.m, rcFile, "start")
	return err
}

// Uninstall implements Service.
func (p pfSense) Uninstall(ctx context.Context) error {
	if _, err := pfsenseconfig.SetShellcmd(ctx, p.m, p.binary, ""); err != nil {
		return fmt.Errorf("remove the shellcmd from config.xml: %w", err)
	}
	if err := daemon(p).stop(ctx); err != nil {
		return err
	}
	if _, err := remove(p.m, rcFile); err != nil {
		return fmt.Errorf("remove the rc script: %w", err)
	}
	return nil
}

// Running implements Service.
func (p pfSense) Running(ctx context.Context) (bool, error) { return daemon(p).running(ctx) }
