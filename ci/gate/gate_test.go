package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/harness/event"
	"innkeeper/matrix/report"
)

func guest(name, fidelity string, specs ...event.Spec) report.Guest {
	g := report.Guest{System: name, Fidelity: fidelity, Specs: []event.Spec{}}
	for _, s := range specs {
		g.Add(s)
	}
	return g
}

var passed = event.Spec{Name: "sets", State: "passed", Attempts: 1}

func gate(t *testing.T, guests []report.Guest, args ...string) (status int, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	if err := (&report.Report{Guests: guests}).WriteJSON(file); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	return run(append([]string{file}, args...), &b, &b), b.String()
}

func TestTheGateHolds(t *testing.T) {
	for name, c := range map[string]struct {
		guests []report.Guest
		args   []string
		want   string
	}{
		"a missing system":    {[]report.Guest{guest("ubuntu", "vendor", passed)}, []string{"--require", "ubuntu,pfsense"}, "pfsense: missing"},
		"all by default":      {[]report.Guest{guest("ubuntu", "vendor", passed)}, nil, "openfiler: missing"},
		"too low a fidelity":  {[]report.Guest{guest("ubuntu", "lookalike", passed)}, []string{"--require", "ubuntu"}, "ran on lookalike, required is vendor"},
		"a skipped spec":      {[]report.Guest{guest("ubuntu", "vendor", passed, event.Spec{Name: "x", State: "skipped"})}, []string{"--require", "ubuntu"}, "skipped: x"},
		"a failed spec":       {[]report.Guest{guest("ubuntu", "vendor", passed, event.Spec{Name: "x", State: "timedout"})}, []string{"--require", "ubuntu"}, "timedout: x"},
		"a flaky spec":        {[]report.Guest{guest("ubuntu", "vendor", passed, event.Spec{Name: "x", State: "passed", Attempts: 2})}, []string{"--require", "ubuntu"}, "flaky: x"},
		"a column of nothing": {[]report.Guest{guest("ubuntu", "vendor")}, []string{"--require", "ubuntu"}, "no spec passed"},
		"a broken column":     {[]report.Guest{{System: "ubuntu", Error: "no boot", Specs: []event.Spec{}}}, []string{"--require", "ubuntu"}, "no boot"},
	} {
		status, said := gate(t, c.guests, c.args...)
		if status != 1 || !strings.Contains(said, c.want) {
			t.Errorf("%s: status %d, %q; want 1 and %q", name, status, said, c.want)
		}
	}
}

func TestAPartOfTheSpecsIsNotEnough(t *testing.T) {
	whole := []report.Guest{guest("ubuntu", "vendor", passed)}
	for name, c := range map[string]struct {
		report report.Report
		labels string
		want   string // empty: the gate opens
	}{
		"focused":          {report.Report{Focus: "sets"}, "", "part of the specs"},
		"selected":         {report.Report{Labels: "hostname"}, "", `"hostname" selects`},
		"not the selected": {report.Report{}, "soak", `wanted is "soak"`},
		"as selected":      {report.Report{Labels: "soak"}, "soak", ""},
	} {
		c.report.Guests = whole
		file := filepath.Join(t.TempDir(), "report.json")
		if err := c.report.WriteJSON(file); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		status := run([]string{file, "--require", "ubuntu", "--labels", c.labels}, &b, &b)
		if (status == 0) != (c.want == "") || !strings.Contains(b.String(), c.want) {
			t.Errorf("%s: status %d, %q; want %q", name, status, b.String(), c.want)
		}
	}
}

func TestTheGateOpens(t *testing.T) {
	status, said := gate(t, []report.Guest{guest("ubuntu", "lookalike", passed), guest("pfsense", "vendor", passed)},
		"--require", "ubuntu=lookalike", "--require", "pfsense")
	if status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
}

func TestBadCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{}, {"a", "b"}, {"--nonsense", "x"}, {"x", "--require", "beos"}, {"x", "--require", "ubuntu=real"},
	} {
		var b bytes.Buffer
		if status := run(args, &b, &b); status != 2 || b.Len() == 0 {
			t.Errorf("%q: status %d, said %q; want 2 and a reason", args, status, b.String())
		}
	}
	var b bytes.Buffer
	if status := run([]string{"/no/such/report.json"}, &b, &b); status != 1 {
		t.Errorf("a missing report: status %d", status)
	}
}
