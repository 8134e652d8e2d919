package state_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/state"
)

func TestParseDesiredTellsEveryProblem(t *testing.T) {
	deep := strings.Repeat(`{"a":`, state.MaxDepth+1) + "1" + strings.Repeat("}", state.MaxDepth+1)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{
			"bad character", `{"revision":1,"guest":"g1","sections":{"hostname":{"name":"a_b"}}}`,
			[]string{`hostname.name: "a_b" has a character that is not allowed in a host name: "_"`},
		},
		{
			"several at once", `{"revision":0,"guest":"a.b","sections":{"hostname":{"name":"-x","domain":"a..b"}}}`,
			[]string{
				"revision: is missing or 0; the first is 1",
				`guest: "a.b" has a character that is not allowed in a guest's id: "."`,
				`hostname.name: "-x" begins or ends with a hyphen`,
				`hostname.domain: "a..b" has an empty part between its dots`,
			},
		},
		{
			"unknown fields", `{"revision":1,"guest":"g","sections":{"hostname":{"name":"a","nme":"b","Domain":"c"}},"x":1}`,
			[]string{"x: is not a known field; known are confirm_seconds, drift, guest, revision, sections"},
		},
		{
			"unknown fields of a section", `{"revision":1,"guest":"g","sections":{"hostname":{"name":"a","nme":"b","Domain":"c"}}}`,
			[]string{
				"hostname.nme: is not a known field; known are domain, name",
				"hostname.Domain: is not a known field; known are domain, name",
			},
		},
		{
			"wrong kinds", `{"revision":"1","guest":7,"sections":[]}`,
			[]string{
				"revision: is a string where a number belongs",
				"guest: is a number where a string belongs",
				"sections: is a list where an object belongs",
			},
		},
		{
			"wrong kind in a section", `{"revision":1,"guest":"g","sections":{"hostname":{"name":null}}}`,
			[]string{"hostname.name: is null where a string belongs"},
		},
		{
			"numbers", `{"revision":-1,"guest":"g","sections":{}}`,
			[]string{"revision: -1 is not a whole number from 0 to 18446744073709551615"},
		},
		{
			"a key twice", `{"revision":1,"guest":"g","sections":{"hostname":{"name":"a","name":"b"}}}`,
			[]string{"hostname.name: is there twice"},
		},
		{
			"a key twice in a foreign section", `{"revision":1,"guest":"g","sections":{"x":{"l":[{"a":1,"a":2}]}}}`,
			[]string{"x.l[0].a: is there twice"},
		},
		{
			"null section", `{"revision":1,"guest":"g","sections":{"time":null}}`,
			[]string{"time: is not an object; to leave the section alone, leave it out"},
		},
		{
			"section name", `{"revision":1,"guest":"g","sections":{"../x":{}}}`,
			[]string{`sections: "../x" is not a section's name: it needs 1 to 63 lower case letters, digits and inner hyphens, a letter first`},
		},
		{
			"no sections", `{"revision":1,"guest":"g"}`,
			[]string{"sections: is missing; an empty object manages nothing"},
		},
		{
			"window and drift", `{"revision":1,"guest":"g","sections":{"hostname":{"name":"a"}},"confirm_seconds":9,"drift":{"hostname":"ignore","time":"report"}}`,
			[]string{
				"confirm_seconds: 9 is not from 10 to 3600, or 0 for 60",
				`drift.hostname: "ignore" is neither enforce nor report`,
				`drift: "time" is not a section of this document`,
			},
		},
		{"truncated", `{"revision":1,`, []string{"is not JSON: it ends too early, after 14 bytes"}},
		{"empty", ``, []string{"is not JSON: it ends too early, after 0 bytes"}},
		{"more behind", `{"revision":1,"guest":"g","sections":{}} x`, []string{"is not JSON: has something after its end, at byte 41"}},
		{"too deep", deep, []string{"is nested deeper than 32"}},
		{"not UTF-8", "{\"guest\":\"\xff\"}", []string{"is not UTF-8 text"}},
		{"too large", strings.Repeat(" ", state.MaxDocument+1), []string{"is 1048577 bytes long; at most 1048576 are read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := state.ParseDesired([]byte(c.in))
			var invalid *state.InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("got error %v, want an InvalidError", err)
			}
			if got := invalid.Reasons(); !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

func TestParseDesiredTakesWhatIsRight(t *testing.T) {
	d, err := state.ParseDesired([]byte(`{"revision":18446744073709551615,"guest":"g-1_A","sections":{` +
		`"hostname":{"name":"Web-1","domain":"lab.test"},"mischief":{"z":1.50,"a":["<é>",null,true]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.Revision != 18446744073709551615 || d.Guest != "g-1_A" {
		t.Errorf("got revision %d of guest %q", d.Revision, d.Guest)
	}
	// The order of keys and the writing of numbers stay as the owner chose them.
	if got, want := string(d.Sections["mischief"]), "{\"z\":1.50,\"a\":[\"\\u003cé\\u003e\",null,true]}"; got != want {
		t.Errorf("got section %s, want %s", got, want)
	}
}

func TestHostnameValidate(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, good := range []state.Hostname{
		{Name: "a"},
		{Name: "7"},
		{Name: long},
		{Name: "a-b", Domain: "x.y-z.test"},
		{Name: "a", Domain: strings.Join([]string{long, long, long, strings.Repeat("b", 59)}, ".")},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for want, bad := range map[string]state.Hostname{
		"hostname.name: is missing":                                {},
		"hostname.name: \"b-\" begins or ends with a hyphen":       {Name: "b-"},
		"hostname.name: \"a.b\" has a dot; the part behind":        {Name: "a.b"},
		"is longer than 63 characters":                             {Name: long + "a"},
		"is every machine's own name":                              {Name: "LocalHost"},
		"not allowed in a host name: \"ü\"":                        {Name: "grün"},
		"hostname.domain: \"x.\" ends in a dot":                    {Name: "a", Domain: "x."},
		"hostname.domain: \"x y\" has a character":                 {Name: "a", Domain: "b.x y"},
		"makes the full name 254 characters long; at most 253 are": {Name: "aa", Domain: strings.Join([]string{long, long, long, strings.Repeat("b", 59)}, ".")},
	} {
		err := bad.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", bad, err, want)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	sections := map[string]json.RawMessage{}
	for i := range state.MaxSections * 2 {
		sections[strings.Repeat("a", i%60+1)+strings.Repeat("b", i/60)] = json.RawMessage("1")
	}
	err := state.Desired{Revision: 1, Guest: "g", Sections: sections}.Validate()
	var invalid *state.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 51 {
		t.Fatalf("got %v", err)
	}
	if last := invalid.Problems[50].String(); !strings.HasPrefix(last, "and ") {
		t.Errorf("the last line is %q", last)
	}
}

func TestWindowAndDriftAreTaken(t *testing.T) {
	d, err := state.ParseDesired([]byte(`{"revision":1,"guest":"g","sections":{"hostname":{"name":"a"}},"confirm_seconds":15,"drift":{"hostname":"report"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.ConfirmWindow() != 15*time.Second || d.Drift["hostname"] != state.ReportDrift {
		t.Errorf("got %s and %v", d.ConfirmWindow(), d.Drift)
	}
	if got := (state.Desired{}).ConfirmWindow(); got != time.Minute {
		t.Errorf("the window of a document that sets none is %s", got)
	}
}
