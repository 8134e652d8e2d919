package systemd

import (
	"strings"
	"testing"
)

func TestParseHostname(t *testing.T) {
	for text, want := range map[string]string{"": "", "web\n": "web", "# c\n\n  web.lab.test  \nx\n": "web.lab.test", ";c\n": ""} {
		if got := ParseHostname(text); got != want {
			t.Errorf("ParseHostname(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzParseHostname(f *testing.F) {
	f.Add("# a\nweb\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := ParseHostname(text); got != strings.TrimSpace(got) || strings.Contains(got, "\n") {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
