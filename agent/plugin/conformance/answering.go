package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// The most that a description can ask for.
const (
	mostDeadlineSeconds = 2 * 60 * 60
	mostMemoryMiB       = 2 << 10
)

// describe has the plugin say what it is; false if nothing else can be tested.
func (x *examination) describe(ctx context.Context) bool {
	ok := x.check(docOperations, "it describes itself", func() error {
		a, err := x.call(ctx, request{"protocol": plugin.Version, "operation": section.OpDescribe, "section": "any"})
		if err != nil {
			return err
		}
		if a.refusal != nil {
			return fmt.Errorf("it answered an error: %w", a.refusal)
		}
		if x.described, err = plugin.ParseDescription(a.result); err != nil {
			return err
		}
		x.report.Description = &x.described
		return sound(x.described)
	})
	if len(x.described.Sections) == 0 {
		return false
	}
	x.report.Section = x.described.Sections[0]
	if x.o.Section != "" {
		x.report.Section = x.o.Section
		ok = x.check(docOperations, "it serves the section "+x.o.Section, func() error {
			if !slices.Contains(x.described.Sections, x.o.Section) {
				return fmt.Errorf("it describes itself as serving %s", strings.Join(x.described.Sections, ", "))
			}
			return nil
		}) && ok
	}
	return ok
}

func sound(d section.Description) error {
	for _, op := range d.Unkillable {
		switch op {
		case section.OpPlan, section.OpApply, section.OpRestore:
		default:
			return fmt.Errorf("unkillable names %q; it may name plan, apply and restore", op)
		}
	}
	if len(d.Schema) > 0 && d.Schema[0] != '{' {
		return errors.New("schema is not an object")
	}
	if d.DeadlineSeconds < 0 || d.DeadlineSeconds > mostDeadlineSeconds {
		return fmt.Errorf("deadline_seconds is %d; it may be 1 to %d", d.DeadlineSeconds, mostDeadlineSeconds)
	}
	if d.MemoryMiB < 0 || d.MemoryMiB > mostMemoryMiB {
		return fmt.Errorf("memory_mib is %d; it may be 1 to %d", d.MemoryMiB, mostMemoryMiB)
	}
	return nil
}

// refusals looks at how it answers what it cannot do and does not know.
func (x *examination) refusals(ctx context.Context) {
	x.check(docRequest, "it ignores fields it does not know", func() error {
		a, err := x.call(ctx, request{
			"protocol": plugin.Version, "operation": section.OpDescribe,
			"later": map[string]any{"operation": "apply", "list": []int{1, 2, 3}},
		})
		if err != nil {
			return err
		}
		if a.refusal != nil {
			return fmt.Errorf("asked to describe itself with a field that is not known yet, it answered an error: %w", a.refusal)
		}
		return nil
	})
	x.check(docRequest, "it refuses a protocol it does not speak", func() error {
		a, err := x.call(ctx, request{"protocol": 99, "operation": section.OpDescribe, "section": x.report.Section})
		return refused(a, err, "a request of protocol 99", section.Unsupported)
	})
	x.check(docRequest, "it refuses an operation it does not know", func() error {
		a, err := x.call(ctx, request{"protocol": plugin.Version, "operation": "dance", "section": x.report.Section})
		return refused(a, err, `the operation "dance"`, section.Unsupported)
	})
	for _, bad := range []struct{ what, raw string }{
		{"a request that is not JSON", "this is no request\n"},
		{"a request that is cut off", `{"protocol":1,"operation":"describe","sec`},
		{"an empty request", ""},
	} {
		x.check(docRequest, "it refuses "+bad.what, func() error {
			a, err := x.send(ctx, []byte(bad.raw), 0)
			return refused(a, err, bad.what, "")
		})
	}
}

// refused is nil if the answer is an error of the code, any code if empty.
func refused(a answer, err error, what string, code section.Code) error {
	switch {
	case err != nil:
		return fmt.Errorf("given %s: %w", what, err)
	case a.refusal == nil:
		return fmt.Errorf("given %s, it answered a result: %s", what, brief(a.result))
	case code != "" && a.refusal.Code != code:
		return fmt.Errorf("given %s, it answered an error of the code %q in place of %q: %s", what, a.refusal.Code, code, a.refusal.Message)
	}
	return nil
}

func brief(raw json.RawMessage) string {
	const most = 120
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + " ..."
	}
	return string(raw)
}
