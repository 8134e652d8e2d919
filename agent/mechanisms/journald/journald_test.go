package journald_test

import (
	"testing"

	"innkeeper/agent/mechanisms/journald"
)

func TestRender(t *testing.T) {
	for want, limits := range map[string]journald.Limits{
		"": {},
		"# Written by guestd, which undoes changes made here.\n[Journal]\nMaxRetentionSec=7day\nMaxFileSec=1day\n":                                      {Days: 7},
		"# Written by guestd, which undoes changes made here.\n[Journal]\nSystemMaxUse=64M\nRuntimeMaxUse=64M\n":                                        {MiB: 64},
		"# Written by guestd, which undoes changes made here.\n[Journal]\nMaxRetentionSec=1day\nMaxFileSec=1day\nSystemMaxUse=16M\nRuntimeMaxUse=16M\n": {Days: 1, MiB: 16},
	} {
		got := journald.Render(limits)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if back := journald.Parse(got); back != limits {
			t.Errorf("%+v was read back as %+v", limits, back)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[Journal]\nMaxRetentionSec=7day\nSystemMaxUse=1M\n")
	f.Fuzz(func(t *testing.T, text string) {
		limits := journald.Parse(text)
		if back := journald.Parse(journald.Render(limits)); back != limits {
			t.Fatalf("%q: %+v became %+v", text, limits, back)
		}
	})
}
