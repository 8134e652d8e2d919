// Package live shows a run while it works: a row per system on a terminal,
// plain lines elsewhere.
package live

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"innkeeper/harness/event"
)

// View shows the columns of a run.
type View struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    int
	now      func() time.Time
	rows     []*row
	drawn    int
	begun    time.Time
	stop     chan struct{}
	done     chan struct{}
}

// row is what is known of one column.
type row struct {
	system         string
	phase, detail  string
	spec           string
	total          int
	passed, failed int
	begun          time.Time
}

// New returns a view of the given systems. On a terminal of so many columns it
// redraws in place twice a second; width 0 stands for no terminal.
func New(out io.Writer, systems []string, width int, now func() time.Time) *View {
	v := &View{out: out, terminal: width > 0, width: width, now: now, begun: now(), stop: make(chan struct{}), done: make(chan struct{})}
	for _, s := range systems {
		v.rows = append(v.rows, &row{system: s, phase: "waiting", begun: now()})
	}
	if v.terminal {
		go v.redraw()
	} else {
		close(v.done)
	}
	return v
}

// redraw keeps the elapsed times moving; Close ends it.
func (v *View) redraw() {
	defer close(v.done)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-tick.C:
			v.mu.Lock()
			v.draw()
			v.mu.Unlock()
		}
	}
}

// Close draws the last state and ends the view.
func (v *View) Close() {
	if v.terminal {
		close(v.stop)
	}
	<-v.done
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.terminal {
		v.draw()
	}
}

// Step says what happens before there are columns, such as building.
func (v *View) Step(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line("matrix", fmt.Sprintf(format, args...))
}

// Event takes in what a column told.
func (v *View) Event(system string, e event.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.rows {
		if r.system == system {
			v.take(r, e)
		}
	}
}

func (v *View) take(r *row, e event.Event) {
	switch e.Kind {
	case event.Phase:
		r.phase, r.detail, r.spec = e.Phase, e.Detail, ""
		if !v.terminal {
			v.line(r.system, strings.TrimSpace(e.Phase+" "+e.Detail))
		}
	case event.Plan:
		r.total = e.Total
	case event.Started:
		if e.Spec != nil {
			r.spec = e.Spec.Name
		}
	case event.Finished:
		if e.Spec != nil {
			v.finished(r, e.Spec)
		}
	case event.Ready:
		r.phase, r.detail, r.spec = "kept", "open it with: matrix shell "+r.system, ""
		if !v.terminal {
			v.line(r.system, "kept; "+r.detail)
		}
	}
}

func (v *View) finished(r *row, s *event.Spec) {
	word := s.State
	switch s.State {
	case "passed":
		r.passed++
	case "skipped", "pending":
	default:
		r.failed++
		word = "FAILED"
	}
	r.spec = ""
	if v.terminal && word != "FAILED" {
		return
	}
	text := fmt.Sprintf("%s %s (%.1f s)", word, s.Name, s.Seconds)
	if word == "FAILED" {
		text += ": " + firstLines(s.Message, 3)
	}
	v.line(r.system, text)
}

// line writes a line that stays, above the rows.
func (v *View) line(who, text string) {
	if v.terminal {
		v.erase()
	}
	for part := range strings.Lines(text) {
		fmt.Fprintf(v.out, "%6.1fs %-10s %s\n", v.now().Sub(v.begun).Seconds(), who, strings.TrimRight(printable(part), "\n"))
	}
	if v.terminal {
		v.draw()
	}
}

// erase moves to the first drawn row and clears from there (ECMA-48: CUU, ED).
func (v *View) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.drawn)
	}
	v.drawn = 0
}

func (v *View) draw() {
	v.erase()
	for _, r := range v.rows {
		fmt.Fprintln(v.out, clip(v.text(r), v.width-1))
	}
	v.drawn = len(v.rows)
}

func (v *View) text(r *row) string {
	counts := fmt.Sprintf("%2d passed", r.passed)
	if r.failed > 0 {
		counts += fmt.Sprintf(" %d FAILED", r.failed)
	}
	if r.total > 0 {
		counts += fmt.Sprintf(" of %d", r.total)
	}
	doing := strings.TrimSpace(r.phase + " " + r.detail)
	if r.spec != "" {
		doing = r.spec
	}
	return fmt.Sprintf("%-10s %6.0fs  %-24s %s", r.system, v.now().Sub(r.begun).Seconds(), counts, printable(doing))
}

// printable keeps what a guest wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func clip(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width || width < 1 {
		return s
	}
	return string(runes[:width-1]) + "…"
}

func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = append(lines[:n], "...")
	}
	return strings.Join(lines, "\n")
}
