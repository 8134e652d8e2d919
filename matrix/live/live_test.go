package live

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"innkeeper/harness/event"
)

func still() time.Time { return time.Unix(1000, 0) }

func TestPlainLinesNameTheSystem(t *testing.T) {
	var b bytes.Buffer
	v := New(&b, []string{"ubuntu", "pfsense"}, 0, still)
	v.Event("pfsense", event.Event{Kind: event.Phase, Phase: "boot"})
	v.Event("pfsense", event.Event{Kind: event.Finished, Spec: &event.Spec{Name: "sets it", State: "failed", Seconds: 2, Message: "a\nb\nc\nd"}})
	v.Event("unknown", event.Event{Kind: event.Phase, Phase: "x"})
	v.Close()
	want := "   0.0s pfsense    boot\n   0.0s pfsense    FAILED sets it (2.0 s): a\n   0.0s pfsense    b\n   0.0s pfsense    c\n   0.0s pfsense    ...\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestATerminalHasARowPerSystem(t *testing.T) {
	var b bytes.Buffer
	v := New(&b, []string{"ubuntu", "pfsense"}, 60, still)
	v.Event("ubuntu", event.Event{Kind: event.Plan, Total: 9})
	v.Event("ubuntu", event.Event{Kind: event.Finished, Spec: &event.Spec{State: "passed"}})
	v.Event("ubuntu", event.Event{Kind: event.Started, Spec: &event.Spec{Name: "\x1b[2Jhostname" + strings.Repeat("x", 100)}})
	v.Close()
	got := b.String()
	if !strings.Contains(got, "1 passed of 9") || !strings.Contains(got, "pfsense") {
		t.Errorf("got %q", got)
	}
	if strings.Contains(got, "\x1b[2J") {
		t.Error("a spec's name steers the terminal")
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimPrefix(line, "\x1b[2A\x1b[J"))); n > 61 {
			t.Errorf("a line of %d columns on a terminal of 60: %q", n, line)
		}
	}
}
