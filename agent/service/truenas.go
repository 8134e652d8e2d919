package service

import (
	"context"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
)

// TrueNAS is an init task in TrueNAS' configuration database: /etc is made
// afresh at every start, so that a script there would be lost.
func TrueNAS(m guest.Machine, binary, socket string) Service {
	return trueNAS{daemon{m, binary}, socket}
}

type trueNAS struct {
	daemon daemon
	socket string
}

// Install implements Service.
func (t trueNAS) Install(ctx context.Context) error {
	c, err := middleware.Connect(ctx, t.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.PutInitTask(ctx, middleware.InitTask{
		Type: "COMMAND", Command: t.daemon.command().String(),
		When: "POSTINIT", Enabled: true, Timeout: 10, Comment: Name,
	}); err != nil {
		return fmt.Errorf("register the init task: %w", err)
	}
	if err := t.daemon.stop(ctx); err != nil {
		return err
	}
	return t.daemon.start(ctx)
}

// Uninstall implements Service.
func (t trueNAS) Uninstall(ctx context.Context) error {
	c, err := middleware.Connect(ctx, t.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.RemoveInitTasks(ctx, Name); err != nil {
		return fmt.Errorf("remove the init task: %w", err)
	}
	return t.daemon.stop(ctx)
}

// Running implements Service.
func (t trueNAS) Running(ctx context.Context) (bool, error) { return t.daemon.running(ctx) }
