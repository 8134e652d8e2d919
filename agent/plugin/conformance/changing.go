package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// plan has the plugin plan the sample value and checks the plan's shape. It
// fills in what more is given.
func (x *examination) plan(ctx context.Context, more request) (section.Plan, error) {
	q := request{
		"protocol": plugin.Version, "operation": section.OpPlan, "section": x.report.Section,
		"revision": 1, "desired": x.desired,
	}
	for k, v := range more {
		q[k] = v
	}
	var p section.Plan
	a, err := x.call(ctx, q)
	if err != nil {
		return p, err
	}
	if a.refusal != nil {
		return p, fmt.Errorf("it answered an error: %w; the value is %s", a.refusal, brief(x.desired))
	}
	if err := json.Unmarshal(a.result, &p); err != nil {
		return p, fmt.Errorf("the plan is not of the protocol: %w", err)
	}
	for i, c := range p.Changes {
		if c.Summary == "" {
			return p, fmt.Errorf("change %d of the plan has no summary", i+1)
		}
	}
	return p, nil
}

// planning checks that a plan changes nothing and is the same each time.
func (x *examination) planning(ctx context.Context) {
	first, err := x.plan(ctx, nil)
	files := look(first)
	x.check(docOperations, "it plans", func() error {
		if err == nil && len(first.Actual) == 0 {
			err = errors.New("the plan does not tell the actual value")
		}
		return err
	})
	if err != nil {
		return
	}
	x.check(docOperations, "a plan changes nothing", func() error {
		again, err := x.plan(ctx, nil)
		if err != nil {
			return err
		}
		if what := differs(first, again); what != "" {
			return fmt.Errorf("a second plan differs from the first: %s", what)
		}
		return files.unchanged()
	})
	x.check(docRequest, "a plan ignores fields it does not know, and reads a request of a MiB", func() error {
		again, err := x.plan(ctx, request{"later": strings.Repeat("x", 1<<20)})
		if err != nil {
			return err
		}
		if what := differs(first, again); what != "" {
			return fmt.Errorf("the plan differs: %s", what)
		}
		return nil
	})
	x.check(docAnswer, "it refuses a value of another type", func() error {
		wrong := json.RawMessage(`"neither this nor that"`)
		if x.desired[0] == '"' {
			wrong = json.RawMessage(`{"neither":"this nor that"}`)
		}
		a, err := x.call(ctx, request{
			"protocol": plugin.Version, "operation": section.OpPlan, "section": x.report.Section, "desired": wrong,
		})
		return refused(a, err, "the value "+string(wrong), section.Invalid)
	})
}

// changing checks that apply does what the plan says, and that restore undoes
// it, whole or half done.
func (x *examination) changing(ctx context.Context) {
	before, err := x.plan(ctx, nil)
	if err != nil {
		return // told by planning
	}
	if len(before.Changes) == 0 {
		x.skip(docOperations, "apply and restore", "the machine is as desired already; give a value that differs with --desired")
		return
	}
	files := look(before)
	restored := func() error {
		if err := x.restore(ctx, before); err != nil {
			return err
		}
		after, err := x.plan(ctx, nil)
		if err != nil {
			return fmt.Errorf("the plan after restore: %w", err)
		}
		if what := differs(before, after); what != "" {
			return fmt.Errorf("the plan after restore is not the one before apply: %s", what)
		}
		return files.unchanged()
	}
	x.check(docOperations, "restore before any apply changes nothing", restored)
	var took time.Duration
	applied := x.check(docOperations, "apply makes the plan's changes", func() error {
		var err error
		if took, err = x.apply(ctx, before, 0); err != nil {
			return err
		}
		after, err := x.plan(ctx, nil)
		if err != nil {
			return fmt.Errorf("the plan after apply: %w", err)
		}
		if len(after.Changes) > 0 {
			return fmt.Errorf("the plan after apply still has a change: %s", after.Changes[0].Summary)
		}
		return nil
	})
	x.check(docOperations, "restore brings back what was before", restored)
	x.check(docOperations, "restore can be done twice", restored)
	const killed = "restore undoes an apply that was killed"
	switch {
	case !applied:
		return
	case slices.Contains(x.described.Unkillable, section.OpApply):
		x.skip(docOperations, killed, "an apply of it must not be killed")
		return
	}
	x.check(docOperations, killed, func() error {
		for part := range 4 {
			cut := took*time.Duration(part+1)/5 + time.Millisecond
			if _, err := x.apply(ctx, before, cut); err != nil {
				return err
			}
			if err := restored(); err != nil {
				return fmt.Errorf("apply was killed after %s: %w", cut.Round(time.Millisecond), err)
			}
		}
		return nil
	})
}

// apply makes the changes of a plan; it is killed after cut, unless that is 0.
func (x *examination) apply(ctx context.Context, p section.Plan, cut time.Duration) (time.Duration, error) {
	raw, err := json.Marshal(plugin.Request{
		Protocol: plugin.Version, Operation: section.OpApply, Section: x.report.Section,
		Revision: 1, Desired: x.desired, Plan: &p, Checkpoint: p.Checkpoint,
	})
	if err != nil {
		return 0, fmt.Errorf("encode the request: %w", err)
	}
	a, err := x.send(ctx, append(raw, '\n'), cut)
	if err == nil && a.refusal != nil {
		err = fmt.Errorf("apply answered an error: %w", a.refusal)
	}
	return a.took, err
}

func (x *examination) restore(ctx context.Context, p section.Plan) error {
	q := request{
		"protocol": plugin.Version, "operation": section.OpRestore, "section": x.report.Section, "revision": 1,
	}
	if len(p.Checkpoint) > 0 {
		q["checkpoint"] = p.Checkpoint
	}
	a, err := x.call(ctx, q)
	if err == nil && a.refusal != nil {
		err = fmt.Errorf("restore answered an error: %w", a.refusal)
	}
	return err
}

// differs says what of two plans is not the same, or nothing.
func differs(a, b section.Plan) string {
	if !bytes.Equal(a.Actual, b.Actual) {
		return fmt.Sprintf("actual was %s and is %s", brief(a.Actual), brief(b.Actual))
	}
	one, errOne := json.Marshal(a.Changes)
	two, errTwo := json.Marshal(b.Changes)
	if errOne != nil || errTwo != nil || !bytes.Equal(one, two) {
		return fmt.Sprintf("changes were %s and are %s", brief(one), brief(two))
	}
	return ""
}
