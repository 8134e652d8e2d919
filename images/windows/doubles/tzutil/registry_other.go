//go:build !windows

package main

import "errors"

var errNoRegistry = errors.New("tzutil: there is no registry here, this is a program for Windows")

func show() error         { return errNoRegistry }
func choose(string) error { return errNoRegistry }
func all() error          { return errNoRegistry }
