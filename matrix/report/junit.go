package report

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements follow the schema that Jenkins' xUnit plugin documents and that
// GitLab and others read: testsuites > testsuite > testcase.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	SystemErr  string          `xml:"system-err,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Class     string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitMessage `xml:"failure"`
	Error     *junitMessage `xml:"error"`
	Skipped   *junitMessage `xml:"skipped"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit XML, a suite for each column.
func (r *Report) WriteJUnit(file string) error {
	all := junitSuites{Name: "matrix", Time: seconds(r.Seconds)}
	for i := range r.Guests {
		suite := junitOf(&r.Guests[i])
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
		all.Suites = append(all.Suites, suite)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return replace(file, append([]byte(xml.Header), append(data, '\n')...))
}

func junitOf(g *Guest) junitSuite {
	s := junitSuite{
		Name: g.System, Tests: len(g.Specs), Failures: g.Failed, Skipped: g.Skipped, Time: seconds(g.Seconds),
		Properties: []junitProperty{{"fidelity", g.Fidelity}, {"target", g.Target}, {"accelerator", g.Accelerator}, {"start", g.Start}},
	}
	for _, spec := range g.Specs {
		c := junitCase{Name: spec.Name, Class: g.System, Time: seconds(spec.Seconds), SystemOut: printable(spec.Output)}
		switch spec.State {
		case "passed":
		case "skipped", "pending":
			c.Skipped = &junitMessage{Message: printable(spec.Message)}
		default:
			c.Failure = &junitMessage{Message: spec.State, Text: printable(spec.Location + "\n" + spec.Message)}
		}
		s.Cases = append(s.Cases, c)
	}
	if g.Error != "" {
		s.Errors, s.Tests = 1, s.Tests+1
		s.Cases = append(s.Cases, junitCase{Name: "(column)", Class: g.System, Error: &junitMessage{Message: "the column could not do its work", Text: printable(g.Error)}})
	}
	return s
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// printable leaves out what XML 1.0 cannot hold (section 2.2, Char).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return -1
	}, s)
}
