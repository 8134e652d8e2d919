package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print writes the matrix as text: behaviours x systems, then each failure,
// then the verdict with a closing line for every guest.
func (r *Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "\nBEHAVIOUR")
	for _, g := range r.Guests {
		fmt.Fprintf(t, "\t%s", strings.ToUpper(g.System))
	}
	fmt.Fprintln(t)
	for _, row := range r.Rows() {
		fmt.Fprint(t, clip(row.Name, 90))
		for _, cell := range row.Cells {
			fmt.Fprintf(t, "\t%s", word(mark(cell).Class))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "(fidelity)")
	for _, g := range r.Guests {
		fmt.Fprintf(t, "\t%s", or(g.Fidelity, "no guest"))
	}
	fmt.Fprintln(t)
	t.Flush()
	for _, g := range r.Guests {
		printFailures(w, g)
	}
	fmt.Fprintln(w)
	for _, g := range r.Guests {
		fmt.Fprintf(w, "%-10s %d passed, %d failed, %d skipped in %s (%s, %s start)\n",
			g.System, g.Passed, g.Failed, g.Skipped, duration(g.Seconds), or(g.Fidelity, "no guest"), or(g.Start, "no"))
	}
	verdict := "failed"
	if r.Passed {
		verdict = "passed"
	}
	fmt.Fprintf(w, "matrix %s: %d systems in %s, seed %d\n", verdict, len(r.Guests), duration(r.Seconds), r.Seed)
	passed, failed, skipped := r.counts()
	fmt.Fprintf(w, "matrix: %d passed, %d failed, %d skipped\n", passed, failed, skipped)
}

func printFailures(w io.Writer, g Guest) {
	if g.Error != "" {
		fmt.Fprintf(w, "\n%s could not do its work:\n%s\n", g.Title, indent(g.Error))
	}
	for _, s := range failedSpecs(g) {
		fmt.Fprintf(w, "\n%s: %s (%s after %s)\n%s\n", g.Title, s.Name, s.State, duration(s.Seconds), indent(s.Message+"\n"+s.Location))
		for _, e := range s.Evidence {
			fmt.Fprintf(w, "    %s: %s\n", e.Name, e.Path)
		}
	}
}

func word(class string) string {
	switch class {
	case "ok":
		return "ok"
	case "bad":
		return "FAILED"
	case "skip":
		return "skipped"
	case "flaky":
		return "flaky"
	}
	return "-"
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// counts adds up the columns; a column that could not do its work is a failure.
func (r *Report) counts() (passed, failed, skipped int) {
	for _, g := range r.Guests {
		passed += g.Passed
		failed += g.Failed
		skipped += g.Skipped
		if g.Error != "" {
			failed++
		}
	}
	return passed, failed, skipped
}
