// Command matrix runs the behaviour specs on all guest systems at once: it
// builds the images, boots the guests, deploys the cross-compiled agent, runs
// the specs and reports behaviours x systems.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	exitPassed = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one word after "matrix".
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string) error
}

var commands []command

func init() {
	commands = []command{
		{"run", "run the specs on all systems, or on those named", runCommand},
		{"list", "list the systems, their images and the guests that were kept", listCommand},
		{"images", "build the images that are missing", imagesCommand},
		{"shell", "open a root shell in a guest that was kept", shellCommand},
		{"down", "take down guests that were kept and clear away what killed runs left", downCommand},
		{"doctor", "say what this machine lacks; --fix installs it", doctorCommand},
	}
}

// usageError is a fault of the command line: exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errVerdict is returned when the specs ran and the verdict is no: it was
// printed already.
var errVerdict = errors.New("failed")

func main() {
	// A closed pipe (matrix run | head) must not end the matrix before it has
	// cleaned up: writes fail instead.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	status := exit(dispatch(ctx, os.Args[1:]), os.Stderr)
	stop()
	os.Exit(status)
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		usage(os.Stdout)
		if len(args) == 0 {
			return usagef("say what to do")
		}
		return nil
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, args[1:])
		}
	}
	usage(os.Stderr)
	return usagef("unknown command %q", args[0])
}

// exit prints err and returns the status that goes with it.
func exit(err error, w io.Writer) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return exitPassed
	case errors.Is(err, errVerdict):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(w, "matrix: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(w, "matrix: %v\n", err)
	return exitFailed
}

func usage(w io.Writer) {
	fmt.Fprint(w, "matrix runs the behaviour specs on all guest systems at once.\n\nUsage: matrix COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
Examples:
  matrix doctor --fix              install what is missing
  matrix run                       all specs on all systems
  matrix run pfsense freenas       on two of them
  matrix run --labels hostname     specs of one section
  matrix run --keep ubuntu         leave the guest running, then:
  matrix shell ubuntu
  matrix down

'matrix COMMAND --help' tells the flags of a command.
`)
}

// flags makes a command's flag set, whose errors are usage errors.
func flags(name, arguments, example string) *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {
		fmt.Fprintf(os.Stdout, "Usage: matrix %s [flags] %s\n\n%s\nExamples:\n%s", name, arguments, f.FlagUsages(), example)
	}
	return f
}

func parse(f *pflag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return usagef("%w; 'matrix %s --help' tells the flags", err, f.Name())
}

// cacheFlag adds --cache.
func cacheFlag(f *pflag.FlagSet) *string {
	return f.String("cache", defaultCache(), "`folder` of images and saved states")
}

func defaultCache() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), "cache")
	}
	return filepath.Join(base, "innkeeper")
}
