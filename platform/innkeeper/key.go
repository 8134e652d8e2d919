package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"innkeeper/platform/admin"
)

func (a app) rotateKeyCommand() command {
	return command{
		name: "rotate-key", summary: "Give the platform a new key to sign documents with",
		more: "The old key signs the new one and is forgotten. Guests follow when they next hear of the\n" +
			"platform, however many rotations they missed. Back the platform's folder up afterwards:\n" +
			"what was backed up before has a key that guests do not trust any more.",
		examples: []string{"innkeeper rotate-key"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			return func(ctx context.Context, args []string) error {
				if len(args) > 0 {
					return usage("rotate-key takes no argument, and %q is given; see: innkeeper rotate-key --help", args[0])
				}
				if err := admin.NewClient(*dir).RotateKey(ctx); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.stdout, "the platform has a new key; back %s up\n", *dir)
				return err
			}
		},
	}
}
