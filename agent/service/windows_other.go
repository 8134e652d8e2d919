//go:build !windows

package service

import (
	"context"
	"errors"
)

var errNotWindows = errors.New("this is no Windows machine")

func (windowsService) install(context.Context) error               { return errNotWindows }
func (windowsService) uninstall(context.Context) error             { return errNotWindows }
func (windowsService) running(context.Context) (bool, error)       { return false, errNotWindows }
func (windowsService) replace(context.Context, func() error) error { return errNotWindows }

func runManaged(ctx context.Context, run func(context.Context) error) error { return run(ctx) }
