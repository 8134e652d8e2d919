package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform/admin"
)

func (a app) planCommand() command {
	return command{
		name: "plan", arguments: "GUEST FILE", summary: "Show what would change in a guest, and change nothing",
		more: "FILE is what `innkeeper set` takes. The guest says which files and commands it would take\n" +
			"to get there from how it is now.",
		examples: []string{"innkeeper plan web-1 web-1.json", "innkeeper plan web-1 web-1.json --json"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			wait := f.Duration("wait", 2*time.Minute, "how long the guest may take to answer")
			asJSON := f.Bool("json", false, "print JSON")
			return func(ctx context.Context, args []string) error {
				if len(args) != 2 {
					return usage("plan needs the id of a guest and a file; see: innkeeper plan --help")
				}
				if err := wire.CheckGuest(args[0]); err != nil {
					return usageError{fmt.Errorf("plan: %w", err)}
				}
				return a.plan(ctx, *dir, args[0], args[1], *wait, *asJSON)
			}
		},
	}
}

func (a app) plan(ctx context.Context, dir, guest, file string, wait time.Duration, asJSON bool) error {
	raw, err := a.read(file)
	if err != nil {
		return err
	}
	if _, err := admin.ParseSections(raw); err != nil {
		return fmt.Errorf("%s is %w", file, err)
	}
	plan, err := admin.NewClient(dir).Plan(ctx, guest, raw, wait)
	if err != nil {
		return err
	}
	if asJSON {
		out, err := json.MarshalIndent(plan, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s\n", out)
		return err
	}
	fmt.Fprint(a.stdout, described(plan))
	if len(plan.Refused) > 0 {
		return fmt.Errorf("%s would refuse it", guest)
	}
	return nil
}

// described is a plan for people. What a guest sends goes to a terminal, so
// that nothing but text is let through.
func described(p state.Plan) string {
	var b strings.Builder
	for _, why := range p.Refused {
		fmt.Fprintf(&b, "refused: %s\n", printable(why))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Sections)) {
		s := p.Sections[name]
		switch {
		case s.Error != "":
			fmt.Fprintf(&b, "%s: no plan: %s\n", printable(name), printable(s.Error))
		case len(s.Changes) == 0:
			fmt.Fprintf(&b, "%s: is as it should be\n", printable(name))
		default:
			fmt.Fprintf(&b, "%s:\n", printable(name))
		}
		for _, c := range s.Changes {
			fmt.Fprintf(&b, "  %s\n", printable(c.Summary))
			if c.Command != "" {
				fmt.Fprintf(&b, "    $ %s\n", printable(c.Command))
			}
			if c.Path != "" {
				fmt.Fprintf(&b, "    %s\n", printable(c.Path))
			}
			for line := range strings.Lines(c.Diff) {
				fmt.Fprintf(&b, "    %s\n", printable(strings.TrimRight(line, "\r\n")))
			}
		}
	}
	return b.String()
}

// printable replaces what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}
