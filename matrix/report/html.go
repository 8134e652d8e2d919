package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"os"
	"strings"
	"time"

	"innkeeper/harness/event"
)

//go:embed page.html
var page string

// evidenceLimit bounds one file of evidence on the page, in bytes; of a longer
// text the end is shown.
const evidenceLimit = 512 << 10

// WriteHTML writes the report as one page that needs no other file.
func (r *Report) WriteHTML(file string) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"mark": mark, "evidence": readEvidence, "duration": duration, "failed": failedSpecs, "id": anchor, "share": share,
	}).Parse(page)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return fmt.Errorf("report page: %w", err)
	}
	return replace(file, b.Bytes())
}

// Shown is a cell's or a column's look.
type shown struct{ Class, Sign, Title string }

func mark(s *event.Spec) shown {
	if s == nil {
		return shown{"none", "·", "did not run here"}
	}
	switch s.State {
	case "passed":
		if s.Attempts > 1 {
			return shown{"flaky", "↻", fmt.Sprintf("passed at attempt %d", s.Attempts)}
		}
		return shown{"ok", "✓", "passed"}
	case "skipped", "pending":
		return shown{"skip", "–", s.State + ": " + s.Message}
	}
	return shown{"bad", "✗", s.State}
}

// Exhibit is a file of evidence as the page shows it.
type exhibit struct {
	Name, Text string
	Image      template.URL
	Download   template.URL
	File       string
}

func readEvidence(e event.Evidence) exhibit {
	data, err := os.ReadFile(e.Path)
	if err != nil {
		return exhibit{Name: e.Name, Text: "the file is gone: " + err.Error()}
	}
	switch {
	case e.Type == "image/png":
		return exhibit{Name: e.Name, Image: dataURL(e.Type, data)}
	case strings.HasPrefix(e.Type, "text/"), e.Type == "application/json":
		if len(data) > evidenceLimit {
			data = append([]byte("[earlier output left out]\n"), data[len(data)-evidenceLimit:]...)
		}
		return exhibit{Name: e.Name, Text: strings.ToValidUTF8(string(data), "?")}
	}
	return exhibit{Name: e.Name, Download: dataURL(e.Type, data), File: e.Name + ".pcap"}
}

// dataURL inlines a file. The type comes from the harness, never from a guest.
func dataURL(mediaType string, data []byte) template.URL {
	return template.URL("data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)) //nolint:gosec
}

func duration(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// failedSpecs are what the reader came for.
func failedSpecs(g Guest) (bad []event.Spec) {
	for _, s := range g.Specs {
		if mark(&s).Class == "bad" {
			bad = append(bad, s)
		}
	}
	return bad
}

func anchor(system, spec string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(system+"-"+spec))
}

// share is a cell's part of the slowest cell of the report, 0 to 100, for the bar below its time.
func share(r *Report, s *event.Spec) int {
	longest := 0.0
	for _, g := range r.Guests {
		for _, other := range g.Specs {
			longest = max(longest, other.Seconds)
		}
	}
	if s == nil || longest == 0 {
		return 0
	}
	return int(100 * s.Seconds / longest)
}
