package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"innkeeper/agent/plugin/conformance"
)

// checkOptions are the flags of plugin check.
type checkOptions struct {
	section, desired string
	deadline         time.Duration
	json             bool
}

// checkPlugin tests an executable against the plugin protocol.
func (a app) checkPlugin(ctx context.Context, args []string, o checkOptions) error {
	if len(args) != 1 {
		return usageError{errors.New("plugin check takes one argument: the plugin's file; see: guestd plugin --help")}
	}
	path, err := filepath.Abs(args[0])
	if err != nil {
		return fmt.Errorf("check %s: %w", args[0], err)
	}
	if path, err = exec.LookPath(path); err != nil {
		return usageError{fmt.Errorf("%s cannot be run: %w", args[0], err)}
	}
	desired, err := a.desired(o.desired)
	if err != nil {
		return err
	}
	r, err := conformance.Run(ctx, conformance.Options{
		Path: path, Section: o.section, Desired: desired, Deadline: o.deadline,
	})
	if err != nil {
		return err
	}
	if o.json {
		err = a.printJSON(r)
	} else {
		err = a.printFindings(r)
	}
	if err == nil && !r.OK() {
		err = fmt.Errorf("%s does not conform to the plugin protocol", args[0])
	}
	return err
}

// desired is the value given by --desired: JSON, or a file that holds it.
func (a app) desired(given string) (json.RawMessage, error) {
	if given == "" {
		return nil, nil
	}
	raw := []byte(given)
	if !strings.ContainsAny(given[:1], `{["`) {
		var err error
		if raw, err = a.machine.ReadFile(given); err != nil {
			return nil, usageError{fmt.Errorf("--desired is neither JSON nor a file that can be read: %w", err)}
		}
	}
	var value json.RawMessage
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, usageError{fmt.Errorf("--desired %s is not JSON: %w", given, err)}
	}
	return value, nil
}

func (a app) printFindings(r conformance.Report) error {
	failed, skipped := 0, 0
	var s strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&s, "%-7s %s\n", f.Outcome, f.Check)
		switch f.Outcome {
		case conformance.Failed:
			failed++
			fmt.Fprintf(&s, "        %s\n        see %q in the description of the plugin protocol\n", f.Detail, f.Document)
		case conformance.Skipped:
			skipped++
			fmt.Fprintf(&s, "        %s\n", f.Detail)
		}
	}
	fmt.Fprintf(&s, "%d passed, %d failed, %d skipped\n", len(r.Findings)-failed-skipped, failed, skipped)
	if _, err := a.stdout.Write([]byte(s.String())); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
