package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"innkeeper/harness/guest"
	"innkeeper/images/build"
	"innkeeper/images/catalogue"
	"innkeeper/images/system"
	"innkeeper/matrix/doctor"
	"innkeeper/matrix/runs"
)

func doctorCommand(ctx context.Context, args []string) error {
	f := flags("doctor", "", "  matrix doctor\n  matrix doctor --fix\n")
	fix := f.Bool("fix", false, "install what is missing from Debian")
	cache := cacheFlag(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("doctor takes no arguments, got %q", f.Args())
	}
	findings := doctor.Examine(*cache)
	if *fix {
		if err := doctor.Fix(ctx, findings, os.Stdout); err != nil {
			return err
		}
		findings = doctor.Examine(*cache)
	}
	for _, x := range findings {
		sign := "ok     "
		if !x.OK {
			sign = "LACKING"
			if !x.Fatal {
				sign = "advice "
			}
		}
		fmt.Printf("%s  %-22s %s\n", sign, x.Name, x.Detail)
	}
	return doctor.Fatal(findings)
}

func listCommand(_ context.Context, args []string) error {
	f := flags("list", "", "  matrix list\n")
	cache := cacheFlag(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("list takes no arguments, got %q", f.Args())
	}
	found, err := runs.Find()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SYSTEM\tTITLE\tLOOKALIKE\tVENDOR IMAGES\tKEPT GUEST")
	for _, s := range catalogue.All() {
		hash, err := build.RecipeHash(s)
		if err != nil {
			return err
		}
		state := "not built"
		if built(*cache, s.Name, hash) {
			state = "built"
		}
		fmt.Fprintf(w, "%s\t%s\t%s (%.12s)\t%s\t%s\n", s.Name, s.Title, state, hash, vendorImages(s), keptIn(found, s.Name))
	}
	return w.Flush()
}

func vendorImages(s system.System) string {
	var versions []string
	for _, v := range s.Vendor {
		if v.SHA256 == "" {
			v.Version += " (no digest pinned)"
		}
		versions = append(versions, v.Version)
	}
	if len(versions) == 0 {
		return "-"
	}
	return strings.Join(versions, ", ")
}

func keptIn(found []runs.Found, name string) string {
	for _, f := range found {
		if _, ok := f.Kept[name]; ok && f.Live {
			return "running"
		}
	}
	return "-"
}

func imagesCommand(ctx context.Context, args []string) error {
	f := flags("images", "[SYSTEM...]", "  matrix images\n  matrix images windows\n  matrix images --prune\n")
	old := f.Bool("prune", false, "remove images of recipes that are no longer, and saved guests")
	cache := cacheFlag(f)
	if err := parse(f, args); err != nil {
		return err
	}
	systems, err := chosen(f.Args())
	if err != nil {
		return err
	}
	if *old {
		removed, err := prune(*cache, catalogue.All())
		fmt.Printf("removed %d folders\n", removed)
		return err
	}
	if err := doctor.Fatal(doctor.Examine(*cache)); err != nil {
		return err
	}
	images, err := build.EnsureAll(ctx, systems, build.Options{
		Cache: *cache, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Progress: func(name, step string) { fmt.Printf("%-10s %s\n", name, step) },
	})
	if err != nil {
		return err
	}
	for _, s := range systems {
		fmt.Printf("%-10s %s  %s\n", s.Name, images[s.Name].Hash, images[s.Name].Disk)
	}
	return nil
}

// chosen looks the named systems up, or gives all if none is named.
func chosen(names []string) ([]system.System, error) {
	if len(names) == 0 {
		return catalogue.All(), nil
	}
	var list []system.System
	for _, name := range names {
		s, err := catalogue.Lookup(name)
		if err != nil {
			return nil, usageError{err}
		}
		if slices.ContainsFunc(list, func(o system.System) bool { return o.Name == s.Name }) {
			return nil, usagef("%s is named twice", name)
		}
		list = append(list, s)
	}
	return list, nil
}

func shellCommand(ctx context.Context, args []string) error {
	f := flags("shell", "SYSTEM [-- COMMAND...]", "  matrix shell pfsense\n  matrix shell pfsense -- ifconfig -a\n  matrix shell pfsense < script.sh\n")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return usagef("shell: say which system's guest")
	}
	systems, err := chosen(f.Args()[:1])
	if err != nil {
		return err
	}
	socket, err := runs.Kept(systems[0].Name)
	if err != nil {
		return err
	}
	if f.NArg() > 1 {
		return execute(ctx, socket, guest.Quote(f.Args()[1:]...))
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return runs.Shell(ctx, socket, os.Stdin, os.Stdout)
	}
	script, err := io.ReadAll(io.LimitReader(os.Stdin, longestScript+1))
	if err != nil {
		return fmt.Errorf("shell: read the script: %w", err)
	}
	if len(script) > longestScript {
		return usagef("shell: the script on standard input is longer than %d bytes; put it into a file in the guest", longestScript)
	}
	return execute(ctx, socket, string(script))
}

// longestScript bounds, in bytes, what is read from a standard input that is
// not a terminal: it goes to the guest as one argument, which Linux bounds at
// 128 KiB (execve(2), MAX_ARG_STRLEN).
const longestScript = 100 << 10

// execute runs a line of shell in the kept guest behind socket.
func execute(ctx context.Context, socket, script string) error {
	reply, err := runs.Exec(ctx, socket, script)
	if err != nil {
		return err
	}
	fmt.Print(reply.Stdout)
	fmt.Fprint(os.Stderr, reply.Stderr)
	if reply.ExitCode != 0 {
		return fmt.Errorf("exit status %d in the guest", reply.ExitCode)
	}
	return nil
}

func downCommand(ctx context.Context, args []string) error {
	f := flags("down", "[SYSTEM...]", "  matrix down\n  matrix down pfsense\n")
	if err := parse(f, args); err != nil {
		return err
	}
	systems, err := chosen(f.Args())
	if err != nil {
		return err
	}
	found, err := runs.Find()
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range found {
		for name, socket := range r.Kept {
			if !r.Live || !slices.ContainsFunc(systems, func(s system.System) bool { return s.Name == name }) {
				continue
			}
			if err := runs.Down(ctx, socket); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				continue
			}
			fmt.Printf("%s is down\n", name)
		}
	}
	if len(errs) == 0 && f.NArg() == 0 {
		errs = append(errs, runs.AwaitEnd(ctx))
	}
	swept, err := runs.Sweep(ctx)
	for _, dir := range swept {
		fmt.Printf("cleared away %s\n", dir)
	}
	return errors.Join(append(errs, err)...)
}
