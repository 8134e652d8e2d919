//go:build linux

package main

import (
	"errors"
	"strings"
)

// commandLine is what the kernel command line says about the start.
type commandLine struct {
	root     string
	readOnly bool
	init     string
	initArgs []string
}

// parseCommandLine reads root=, ro, rw and init= as the kernel does
// (Documentation/admin-guide/kernel-parameters.txt); what stands after "--",
// and the run levels of sysvinit, go to init.
func parseCommandLine(line string) (commandLine, error) {
	c := commandLine{init: "/sbin/init"}
	words := strings.Fields(line)
	for i, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w == "--":
			c.initArgs = append(c.initArgs, words[i+1:]...)
			return c, c.check()
		case key == "root":
			c.root = value
		case w == "ro":
			c.readOnly = true
		case w == "rw":
			c.readOnly = false
		case key == "init" && value != "":
			c.init = value
		case w == "single" || w == "emergency" || (len(w) == 1 && strings.Contains("12345sS", w)):
			c.initArgs = append(c.initArgs, w)
		}
	}
	return c, c.check()
}

func (c commandLine) check() error {
	if !strings.HasPrefix(c.root, "/dev/") {
		return errors.New("the kernel command line does not name a device as root=")
	}
	return nil
}
