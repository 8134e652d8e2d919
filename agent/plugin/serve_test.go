package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// motd is a section over one file.
type motd struct{ fail error }

func (motd) Describe() section.Description { return section.Description{Sections: []string{"motd"}} }

func (s motd) Plan(_ context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	if s.fail != nil {
		return section.Plan{}, s.fail
	}
	b, err := m.ReadFile("/etc/motd")
	return section.Plan{Actual: json.RawMessage(b), Changes: []section.Change{{Summary: "to " + string(desired)}}}, err
}

func (motd) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, _ section.Plan) error {
	section.Progress(ctx, "writing", 50)
	section.Progress(ctx, "who knows", -1)
	return m.WriteFile("/etc/motd", desired, 0o644)
}

func (motd) Restore(_ context.Context, m guest.Machine, checkpoint json.RawMessage) error {
	return m.WriteFile("/etc/motd", checkpoint, 0o644)
}

func TestServe(t *testing.T) {
	for _, c := range []struct {
		name, in string
		fail     error
		want     string
		content  string
	}{
		{
			"describe", `{"protocol":1,"operation":"describe","section":"whatever"}`, nil,
			`{"type":"result","result":{"sections":["motd"]}}`, "{}",
		},
		{
			"plan", `{"protocol":1,"operation":"plan","section":"motd","desired":{"a":1}}`, nil,
			`{"type":"result","result":{"actual":{},"changes":[{"summary":"to {\"a\":1}"}]}}`, "{}",
		},
		{
			"apply", `{"protocol":1,"operation":"apply","section":"motd","desired":{"a":1},"plan":{}}`, nil,
			`{"type":"progress","message":"writing","percent":50}` + "\n" + `{"type":"progress","message":"who knows"}` + "\n" + `{"type":"result","result":{}}`, `{"a":1}`,
		},
		{
			"restore", `{"protocol":1,"operation":"restore","section":"motd","checkpoint":"old"}`, nil,
			`{"type":"result","result":{}}`, `"old"`,
		},
		{
			"apply without a plan", `{"protocol":1,"operation":"apply","section":"motd"}`, nil,
			`{"type":"error","error":{"code":"failed","message":"the request has no plan to apply"}}`, "{}",
		},
		{
			"another section", `{"protocol":1,"operation":"plan","section":"time"}`, nil,
			`{"type":"error","error":{"code":"unsupported","message":"this plugin serves the section \"motd\", not \"time\""}}`, "{}",
		},
		{
			"another protocol", `{"protocol":2,"operation":"plan","section":"motd"}`, nil,
			`{"type":"error","error":{"code":"unsupported","message":"the request is of protocol 2; this plugin speaks 1"}}`, "{}",
		},
		{
			"unknown operation", `{"protocol":1,"operation":"dance","section":"motd"}`, nil,
			`{"type":"error","error":{"code":"unsupported","message":"the operation \"dance\" is not known; known are describe, plan, apply, restore"}}`, "{}",
		},
		{
			"no request", "", nil,
			`{"type":"error","error":{"code":"failed","message":"no request on standard input; a plugin is started by guestd and not by hand"}}`, "{}",
		},
		{
			"plain error", `{"protocol":1,"operation":"plan","section":"motd"}`, errors.New("no luck"),
			`{"type":"error","error":{"code":"failed","message":"no luck"}}`, "{}",
		},
		{
			"typed error", `{"protocol":1,"operation":"plan","section":"motd"}`, section.Errorf(section.Busy, "motd.x", "later"),
			`{"type":"error","error":{"code":"busy","message":"later","path":"motd.x"}}`, "{}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := guesttest.New(map[string]string{"/etc/motd": "{}"})
			var out bytes.Buffer
			if err := plugin.Serve(t.Context(), "motd", motd{c.fail}, m, strings.NewReader(c.in), &out); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(out.String()); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if got := m.Content("/etc/motd"); got != c.content {
				t.Errorf("the file holds %s, want %s", got, c.content)
			}
		})
	}
}
