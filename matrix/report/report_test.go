package report

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/harness/event"
)

// sample has a column that passed, one with a failure and one that broke.
func sample(t *testing.T) *Report {
	t.Helper()
	dir := t.TempDir()
	console := filepath.Join(dir, "spec", "console.txt")
	picture := filepath.Join(dir, "spec", "screenshot.png")
	if err := os.MkdirAll(filepath.Dir(console), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string]string{console: "<script>alert(1)</script> login:", picture: "\x89PNG"} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &Report{Started: time.Unix(1e9, 0).UTC(), Seconds: 42, Seed: 7}
	good := Guest{System: "ubuntu", Title: "Ubuntu", Specs: []event.Spec{}}
	good.Describe(event.GuestInfo{Fidelity: "lookalike", Target: "linux/amd64", Start: "warm", Trimmed: []string{"udev"}})
	good.Add(event.Spec{Name: "hostname sets", State: "passed", Seconds: 1, Labels: []string{"ubuntu", "hostname"}, Attempts: 1})
	good.Add(event.Spec{Name: "link back", State: "skipped", Message: "no"})
	bad := Guest{System: "pfsense", Title: "pfSense", Specs: []event.Spec{}}
	bad.Describe(event.GuestInfo{Fidelity: "lookalike"})
	bad.Add(event.Spec{Name: "hostname sets", State: "failed", Seconds: 2, Message: "want \x1b[31m<a>", Location: "x_test.go:1", Evidence: []event.Evidence{
		{Name: "console", Path: console, Type: "text/plain"}, {Name: "screenshot", Path: picture, Type: "image/png"},
	}})
	broken := Guest{System: "windows", Title: "Windows", Error: "the guest did not boot", Specs: []event.Spec{}}
	r.Guests = []Guest{good, bad, broken}
	r.Judge()
	return r
}

func TestTheVerdictNeedsEveryColumn(t *testing.T) {
	r := sample(t)
	if r.Passed {
		t.Error("a failed and a broken column pass")
	}
	r.Guests = r.Guests[:1]
	if r.Judge(); !r.Passed {
		t.Error("a column without failures does not pass")
	}
	r.Guests[0].Passed = 0
	if r.Judge(); r.Passed {
		t.Error("a column in which nothing passed passes")
	}
	r.Guests = nil
	if r.Judge(); r.Passed {
		t.Error("no column at all passes")
	}
}

func TestRowsHoldEveryColumn(t *testing.T) {
	rows := sample(t).Rows()
	if len(rows) != 2 || rows[0].Name != "hostname sets" {
		t.Fatalf("rows %+v", rows)
	}
	if c := rows[0].Cells; c[0].State != "passed" || c[1].State != "failed" || c[2] != nil {
		t.Errorf("cells %+v", c)
	}
	if l := rows[0].Labels; len(l) != 1 || l[0] != "hostname" {
		t.Errorf("labels %v", l)
	}
}

func TestJSONComesBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "report.json")
	r := sample(t)
	if err := r.WriteJSON(file); err != nil {
		t.Fatal(err)
	}
	back, err := ReadJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Guests) != 3 || back.Guests[1].Failed != 1 || back.Guests[0].Fidelity != "lookalike" || back.Guests[2].Error == "" {
		t.Errorf("came back as %+v", back)
	}
}

func TestForeignJSONIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	for text, want := range map[string]string{"{": "not a report", `{"a":1}`: "no array guests"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadJSON(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", text, err)
		}
	}
	if _, err := ReadJSON(file + "no"); err == nil || !strings.Contains(err.Error(), "matrix run --json") {
		t.Errorf("a missing report gives %v", err)
	}
}

func TestJUnitIsWellFormedAndCounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "junit.xml")
	if err := sample(t).WriteJUnit(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if all.Tests != 4 || all.Failures != 1 || all.Errors != 1 || len(all.Suites) != 3 {
		t.Errorf("tests %d failures %d errors %d suites %d", all.Tests, all.Failures, all.Errors, len(all.Suites))
	}
	if all.Suites[0].Cases[1].Skipped == nil {
		t.Error("the skipped case is not shown as skipped")
	}
}

func TestThePageHoldsTheEvidenceAndEscapesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	if err := sample(t).WriteHTML(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{"pfSense", "data:image/png;base64,iVBORw", "&lt;script&gt;alert(1)", "the guest did not boot", "lookalike", "x_test.go:1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("a guest's console runs as script on the page")
	}
}

func TestKeptEvidenceOutlivesTheRun(t *testing.T) {
	r := sample(t)
	before := r.Guests[1].Specs[0].Evidence[0].Path
	dir := filepath.Join(t.TempDir(), "evidence")
	if err := r.KeepEvidence(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(before); err != nil {
		t.Fatal(err)
	}
	after := r.Guests[1].Specs[0].Evidence[0].Path
	if data, err := os.ReadFile(after); err != nil || !strings.Contains(string(data), "login:") {
		t.Errorf("%s: %q, %v", after, data, err)
	}
	if want := filepath.Join(dir, "pfsense", "spec", "console.txt"); after != want {
		t.Errorf("kept at %s, want %s", after, want)
	}
}

func TestPrintNamesFailuresAndGuests(t *testing.T) {
	var b bytes.Buffer
	sample(t).Print(&b)
	for _, want := range []string{"UBUNTU", "FAILED", "x_test.go:1", "the guest did not boot", "ubuntu     1 passed, 0 failed, 1 skipped", "matrix failed: 3 systems"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}
