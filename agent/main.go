// Command guestd lives in a guest: it makes the machine what its owner chose
// and says back what is really there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems"
)

func main() {
	a := app{
		machine: guest.Local(), detect: systems.Detect, all: systems.All(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}
	os.Exit(a.main(context.Background(), os.Args[1:]))
}

// app is guestd as a command.
type app struct {
	machine guest.Machine
	detect  func(guest.Machine) (systems.System, error)
	all     []systems.System
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// The exit statuses.
const (
	exitDone    = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError says that the command line was wrong.
type usageError struct{ error }

// command is one of guestd's commands.
type command struct {
	name string
	// arguments follow the name in the usage line.
	arguments string
	// summary is one line; more is told by the command's own help.
	summary, more string
	examples      []string
	// hidden commands are started by guestd itself and not told of.
	hidden bool
	// prepare defines the flags and gives what is to be done with the
	// arguments that are left of them.
	prepare func(f *pflag.FlagSet) func(ctx context.Context, args []string) error
}

func (a app) commands() []command {
	return []command{
		a.runCommand(), a.installCommand(), a.uninstallCommand(), a.statusCommand(),
		a.versionCommand(), a.detectCommand(), a.pluginCommand(),
		a.guardianCommand(), a.replaceCommand(),
	}
}

func (a app) main(ctx context.Context, args []string) int {
	err := a.dispatch(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "guestd: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(a.stderr, "guestd: %v\n", err)
		return exitFailure
	}
}

func (a app) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		a.overview(a.stderr)
		return usageError{errors.New("no command is given")}
	}
	switch args[0] {
	case "-h", "--help":
		a.overview(a.stdout)
		return nil
	case "help":
		return a.help(args[1:])
	}
	c, err := a.lookup(args[0])
	if err != nil {
		return err
	}
	flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	do := c.prepare(flags)
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, pflag.ErrHelp):
		a.describe(c)
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w; see: guestd %s --help", err, c.name)}
	}
	return do(ctx, flags.Args())
}

func (a app) lookup(name string) (command, error) {
	var names []string
	for _, c := range a.commands() {
		if c.name == name {
			return c, nil
		}
		if !c.hidden {
			names = append(names, c.name)
		}
	}
	return command{}, usageError{fmt.Errorf("no command is named %q; there are %s", name, strings.Join(names, ", "))}
}

// noArguments is the error of arguments given to a command that takes none.
func noArguments(c string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s takes no argument, and %q is given; see: guestd %s --help", c, args[0], c)}
}
