package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"
)

func (a app) detectCommand() command {
	return command{
		name: "detect", summary: "Say which system this machine is, and which sections are kept on it",
		examples: []string{"guestd detect", "guestd detect --json"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			asJSON := f.Bool("json", false, "print JSON")
			return func(ctx context.Context, args []string) error {
				if err := noArguments("detect", args); err != nil {
					return err
				}
				return a.tellSystem(ctx, *asJSON)
			}
		},
	}
}

func (a app) tellSystem(ctx context.Context, asJSON bool) error {
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	s := a.systemState(ctx, sys)
	sections := slices.Sorted(maps.Keys(sys.Sections()))
	if asJSON {
		return a.printJSON(struct {
			Name     string   `json:"name"`
			Version  string   `json:"version"`
			Kernel   string   `json:"kernel,omitempty"`
			Sections []string `json:"sections"`
		}{s.Name, s.Version, s.Kernel, sections})
	}
	fmt.Fprintf(a.stdout, "%s %s (%s), sections %v\n", s.Name, s.Version, s.Kernel, sections)
	return nil
}
