// Command innkeeper is the platform: what each guest should be and what it
// says it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	status := a.main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// app is innkeeper as a command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// The exit statuses.
const (
	exitDone    = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError says that the command line was wrong.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// command is one of innkeeper's commands.
type command struct {
	name, arguments, summary, more string
	examples                       []string
	// prepare defines the flags and gives what is to be done with the
	// arguments that are left of them.
	prepare func(f *pflag.FlagSet) func(ctx context.Context, args []string) error
}

func (a app) commands() []command {
	return []command{a.serveCommand(), a.enrolCommand(), a.setCommand(), a.getCommand(), a.planCommand(), a.updateCommand(), a.rotateKeyCommand()}
}

func (a app) main(ctx context.Context, args []string) int {
	err := a.dispatch(ctx, args)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(a.stderr, "innkeeper: %v\n", err)
	var wrong usageError
	if errors.As(err, &wrong) {
		return exitUsage
	}
	return exitFailure
}

func (a app) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		a.overview(a.stderr)
		return usage("no command is given")
	}
	name, args := args[0], args[1:]
	switch name {
	case "-h", "--help", "help":
		a.overview(a.stdout)
		return nil
	}
	c, err := a.lookup(name)
	if err != nil {
		return err
	}
	flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	do := c.prepare(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		a.describe(c, flags)
		return nil
	case err != nil:
		return usage("%w; see: innkeeper %s --help", err, c.name)
	}
	return do(ctx, flags.Args())
}

func (a app) lookup(name string) (command, error) {
	var names []string
	for _, c := range a.commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return command{}, usage("no command is named %q; there are %s", name, strings.Join(names, ", "))
}

func (a app) overview(w io.Writer) {
	fmt.Fprint(w, "innkeeper keeps what each guest should be and what it says it is.\n\nUsage: innkeeper COMMAND [flags]\n\nCommands:\n")
	for _, c := range a.commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nEach command tells more: innkeeper COMMAND --help\n\nExamples:\n")
	for _, c := range a.commands() {
		fmt.Fprintf(w, "  %s\n", c.examples[0])
	}
}

func (a app) describe(c command, flags *pflag.FlagSet) {
	fmt.Fprintf(a.stdout, "%s.\n", c.summary)
	if c.more != "" {
		fmt.Fprintf(a.stdout, "\n%s\n", c.more)
	}
	fmt.Fprintf(a.stdout, "\nUsage: %s\n\nFlags:\n%s\nExamples:\n", strings.Join(strings.Fields("innkeeper "+c.name+" "+c.arguments+" [flags]"), " "), flags.FlagUsages())
	for _, e := range c.examples {
		fmt.Fprintf(a.stdout, "  %s\n", e)
	}
	fmt.Fprint(a.stdout, "\nExit status: 0 done, 1 failed, 2 wrong usage.\n")
}
