package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// overview is the help of guestd as a whole.
func (a app) overview(w io.Writer) {
	fmt.Fprint(w, "guestd makes this machine what its owner chose on the platform, and says back what is there.\n\nUsage:\n  guestd COMMAND [flags]\n\nCommands:\n")
	for _, c := range a.commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
		}
	}
	fmt.Fprint(w, "\nExamples:\n  guestd install --join join.json\n  guestd status\n\nMore on a command: guestd COMMAND --help\n")
}

// help is the command of that name.
func (a app) help(args []string) error {
	if len(args) == 0 {
		a.overview(a.stdout)
		return nil
	}
	c, err := a.lookup(args[0])
	if err != nil {
		return err
	}
	a.describe(c)
	return nil
}

// describe is the help of one command.
func (a app) describe(c command) {
	flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	c.prepare(flags)
	fmt.Fprintf(a.stdout, "%s.\n", c.summary)
	if c.more != "" {
		fmt.Fprintf(a.stdout, "\n%s\n", c.more)
	}
	line := "guestd " + c.name
	if flags.HasFlags() {
		line += " [flags]"
	}
	fmt.Fprintf(a.stdout, "\nUsage:\n  %s\n", strings.TrimSpace(line+" "+c.arguments))
	if flags.HasFlags() {
		fmt.Fprintf(a.stdout, "\nFlags:\n%s", flags.FlagUsages())
	}
	fmt.Fprint(a.stdout, "\nExamples:\n")
	for _, e := range c.examples {
		fmt.Fprintf(a.stdout, "  %s\n", e)
	}
}
