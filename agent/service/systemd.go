package service

import (
	"context"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
)

const (
	unitFile = "/etc/systemd/system/guestd.service"
	unitName = Name + ".service"
)

// unit is the systemd unit. It uses only what systemd 219 (CentOS 7) knows.
// StartLimitInterval in [Service] is the old place of a setting that newer
// releases still read there. The unit waits for no network: guestd is what
// repairs it. guestd ends its plugins itself, and the kernel does if guestd is
// killed; KillMode=process keeps systemd from killing those that must not be, a
// package manager at work. Delegate=yes leaves to guestd the control groups
// that it makes for plugins.
const unit = `# Written by guestd install.
[Unit]
Description=Innkeeper guest agent
After=dbus.service

[Service]
Type=simple
ExecStart=%s run
Restart=always
RestartSec=2
StartLimitInterval=0
KillMode=process
Delegate=yes
TimeoutStopSec=60
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`

// Systemd is a service of systemd.
func Systemd(m guest.Machine, binary string) Service { return systemd{m, binary} }

type systemd struct {
	m      guest.Machine
	binary string
}

func (s systemd) ctl(ctx context.Context, args ...string) error {
	_, err := guest.Output(ctx, s.m, "systemctl", args...)
	return err
}

// Install implements Service.
func (s systemd) Install(ctx context.Context) error {
	wrote, err := put(s.m, unitFile, fmt.Appendf(nil, unit, s.binary), 0o644)
	if err != nil {
		return fmt.Errorf("install the systemd unit: %w", err)
	}
	if wrote {
		if err := s.ctl(ctx, "daemon-reload"); err != nil {
			return err
		}
	}
	if err := s.ctl(ctx, "enable", unitName); err != nil {
		return err
	}
	return s.ctl(ctx, "restart", unitName)
}

// Uninstall implements Service.
func (s systemd) Uninstall(ctx context.Context) error {
	if !exists(s.m, unitFile) {
		return nil
	}
	if err := s.ctl(ctx, "disable", "--now", unitName); err != nil {
		return err
	}
	if _, err := remove(s.m, unitFile); err != nil {
		return fmt.Errorf("remove the systemd unit: %w", err)
	}
	return s.ctl(ctx, "daemon-reload")
}

// Running implements Service.
func (s systemd) Running(ctx context.Context) (bool, error) {
	r, err := s.m.Run(ctx, guest.Command{Path: "systemctl", Args: []string{"is-active", unitName}})
	// "activating" is a service that systemd is about to start again.
	return strings.TrimSpace(string(r.Stdout)) == "active", err
}
