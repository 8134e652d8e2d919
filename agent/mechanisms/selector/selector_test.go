package selector_test

import (
	"slices"
	"testing"

	"innkeeper/agent/mechanisms/selector"
)

func TestFormat(t *testing.T) {
	for want, c := range map[string]struct {
		facilities []string
		severity   string
	}{
		"*.*":                {nil, "debug"},
		"*.err":              {nil, "err"},
		"kern.*":             {[]string{"kern"}, ""},
		"auth,authpriv.info": {[]string{"auth", "authpriv"}, "info"},
	} {
		if got := selector.Format(c.facilities, c.severity); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseRefusesOtherSelectors(t *testing.T) {
	for _, s := range []string{"", "kern", ".info", "kern.", "kern.info;mail.none", "*,kern.info", "kern.=info", "kern,.info"} {
		if _, _, ok := selector.Parse(s); ok {
			t.Errorf("%q was taken", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("auth,authpriv.info")
	f.Add("*.*")
	f.Fuzz(func(t *testing.T, s string) {
		facilities, severity, ok := selector.Parse(s)
		if !ok {
			return
		}
		again, same, ok := selector.Parse(selector.Format(facilities, severity))
		if !ok || severity != "debug" && same != severity || !slices.Equal(again, facilities) {
			t.Fatalf("%q became %q %q", s, again, same)
		}
	})
}
