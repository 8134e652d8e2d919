package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"innkeeper/agent/daemon"
)

func (a app) statusCommand() command {
	return command{
		name: "status", summary: "Say how this machine stands",
		more:     "The exit status is 1 if the daemon does not run.",
		examples: []string{"guestd status", "guestd status --json | jq .reported.sections.hostname"},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			asJSON := f.Bool("json", false, "print JSON")
			return func(_ context.Context, args []string) error {
				if err := noArguments("status", args); err != nil {
					return err
				}
				return a.status(*asJSON)
			}
		},
	}
}

func (a app) status(asJSON bool) error {
	sys, err := a.detect(a.machine)
	if err != nil {
		return err
	}
	s, err := daemon.ReadStatus(a.machine, sys.Layout().StateDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("guestd has not run on this machine yet; to start it: guestd install")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run it as root", err)
	case err != nil:
		return err
	}
	if asJSON {
		err = a.printJSON(s)
	} else {
		err = printStatus(a.stdout, s)
	}
	if err == nil && !s.Running {
		err = errors.New("guestd does not run; this is what it last said")
	}
	return err
}

func (a app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func printStatus(to io.Writer, s daemon.Status) error {
	r := s.Reported
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "system\t%s %s (%s)\n", r.System.Name, r.System.Version, r.System.Kernel)
	running := "does not run"
	if s.Running {
		running = fmt.Sprintf("runs since %s, PID %d", r.Agent.Started.Local().Format(time.DateTime), r.Agent.PID)
	}
	fmt.Fprintf(w, "guestd\t%s %s, %s\n", r.Agent.Version, r.Agent.Target, running)
	line := "not enrolled"
	switch {
	case s.Connected:
		line = "connected as " + r.Guest
	case s.Enrolled:
		line = "not connected; enrolled as " + r.Guest
	}
	fmt.Fprintf(w, "platform\t%s\n", line)
	fmt.Fprintf(w, "document\t%s\n", revision(r.Revision))
	if r.Refused != nil {
		for _, reason := range r.Refused.Reasons {
			fmt.Fprintf(w, "refused\trevision %d: %s\n", r.Refused.Revision, reason)
		}
	}
	if u := r.Agent.Update; u != nil {
		fmt.Fprintf(w, "update\tfrom %s to %s: %s", u.From, u.Version, u.Status)
		if u.Message != "" {
			fmt.Fprintf(w, ": %s", u.Message)
		}
		fmt.Fprintln(w)
	}
	for _, note := range r.Agent.Notes {
		fmt.Fprintf(w, "note\t%s\n", note)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Sections)) {
		sec := r.Sections[name]
		fmt.Fprintf(w, "%s\t%s", name, sec.Status)
		if len(sec.Actual) > 0 {
			var line bytes.Buffer
			if err := json.Compact(&line, sec.Actual); err != nil {
				return fmt.Errorf("print the status of %s: %w", name, err)
			}
			fmt.Fprintf(w, " %s", &line)
		}
		if sec.Message != "" {
			fmt.Fprintf(w, ": %s", sec.Message)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}

func revision(n uint64) string {
	if n == 0 {
		return "none accepted yet"
	}
	return fmt.Sprintf("revision %d", n)
}
