package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform/admin"
)

func (a app) enrolCommand() command {
	return command{
		name: "enrol", arguments: "GUEST", summary: "Make a guest known and write its join file",
		more: "The join file holds the guest's secret key, which is kept nowhere else. Enrolling a guest\n" +
			"again gives it a new one; the old is worth nothing from then on.",
		examples: []string{"innkeeper enrol web-1 --out join.json    # then, in the guest: guestd install --join join.json"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			out := f.StringP("out", "o", "", "write the join file to this `FILE`, for you alone to read, instead of printing it")
			return func(ctx context.Context, args []string) error {
				guest, err := oneGuest("enrol", args)
				if err != nil {
					return err
				}
				return a.enrol(ctx, *dir, guest, *out)
			}
		},
	}
}

// enrol opens the file first: a key that cannot be written down would be lost.
func (a app) enrol(ctx context.Context, dir, guest, out string) error {
	to := a.stdout
	if out != "" {
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write the join file: %w", err)
		}
		defer f.Close()
		to = f
	}
	join, err := admin.NewClient(dir).Enrol(ctx, guest)
	if err == nil {
		_, err = to.Write(join)
	}
	if err != nil && out != "" {
		_ = os.Remove(out)
	}
	return err
}

func (a app) setCommand() command {
	return command{
		name: "set", arguments: "GUEST FILE", summary: "Choose what a guest should be",
		more: "FILE is a JSON object of sections, or - for the standard input. A section that is not in it\n" +
			"is not managed any more. The guest judges the values; `innkeeper get` shows what it says.",
		examples: []string{
			"innkeeper set web-1 web-1.json",
			`echo '{"hostname": {"name": "web-1"}}' | innkeeper set web-1 -`,
		},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			return func(ctx context.Context, args []string) error {
				if len(args) != 2 {
					return usage("set needs the id of a guest and a file; see: innkeeper set --help")
				}
				if err := wire.CheckGuest(args[0]); err != nil {
					return usageError{fmt.Errorf("set: %w", err)}
				}
				return a.set(ctx, *dir, args[0], args[1])
			}
		},
	}
}

func (a app) set(ctx context.Context, dir, guest, file string) error {
	raw, err := a.read(file)
	if err != nil {
		return err
	}
	if _, err := admin.ParseSections(raw); err != nil {
		return fmt.Errorf("%s is %w", file, err)
	}
	revision, err := admin.NewClient(dir).Set(ctx, guest, raw)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "revision %d\n", revision)
	return nil
}

func (a app) read(file string) ([]byte, error) {
	from := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	raw, err := io.ReadAll(io.LimitReader(from, state.MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(raw) > state.MaxDocument {
		return nil, fmt.Errorf("%s has more than %d bytes, and no guest reads more", file, state.MaxDocument)
	}
	return raw, nil
}

func (a app) getCommand() command {
	return command{
		name: "get", arguments: "GUEST", summary: "Show what a guest should be and what it says it is",
		examples: []string{"innkeeper get web-1"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			dir := dirFlag(f)
			return func(ctx context.Context, args []string) error {
				guest, err := oneGuest("get", args)
				if err != nil {
					return err
				}
				g, err := admin.NewClient(*dir).Get(ctx, guest)
				if err != nil {
					return fmt.Errorf("get %s: %w", guest, err)
				}
				raw, err := json.MarshalIndent(g, "", "  ")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.stdout, "%s\n", raw)
				return err
			}
		},
	}
}
