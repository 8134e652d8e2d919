//go:build !windows

package main

import (
	"errors"

	"innkeeper/images/windows/w32time"
)

var errNoWindows = errors.New("w32tm: this is a program for Windows")

func serve() error             { return errNoWindows }
func do(w32time.Request) error { return errNoWindows }
