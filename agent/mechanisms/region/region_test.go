package region_test

import (
	"strings"
	"testing"

	"innkeeper/agent/mechanisms/region"
)

func TestSet(t *testing.T) {
	const theirs = "a\nb"
	once := region.Set(theirs, "x\ny\n")
	if !strings.HasPrefix(once, "a\nb\n#") || !strings.Contains(once, "\nx\ny\n#") || region.Get(once) != "x\ny\n" {
		t.Fatalf("got %q", once)
	}
	if again := region.Set(once, "x\ny"); again != once {
		t.Errorf("the same lines made %q of %q", again, once)
	}
	after := once + "c\n"
	if got := region.Set(after, "z"); !strings.HasSuffix(got, "\nc\n") || region.Get(got) != "z\n" || strings.Contains(got, "x\n") {
		t.Errorf("got %q", got)
	}
	if got := region.Set(after, ""); got != "a\nb\nc\n" {
		t.Errorf("taking the region away left %q", got)
	}
	if got := region.Set("", ""); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestAnUnendedRegionLosesNothing(t *testing.T) {
	begun, _, _ := strings.Cut(region.Set("a\n", "x"), "x")
	if got := region.Set(begun+"theirs\n", "y"); !strings.Contains(got, "theirs\n") || region.Get(got) != "y\n" {
		t.Errorf("got %q", got)
	}
}

func TestATornRegionLosesNothing(t *testing.T) {
	whole := region.Set("a\n", "x")
	begin, _, _ := strings.Cut(strings.TrimPrefix(whole, "a\n"), "\n")
	for _, text := range []string{begin, "a\n" + begin, begin + "\ntheirs\n" + whole, whole + begin} {
		got := region.Set(text, "y")
		if region.Get(got) != "y\n" || strings.Contains(text, "theirs") && !strings.Contains(got, "theirs\n") {
			t.Errorf("%q made %q", text, got)
		}
	}
}

func FuzzSet(f *testing.F) {
	f.Add("a\n", "x\n")
	f.Add(region.Set("a\n", "x"), "y")
	f.Add("# guestd begins here; what is between its two lines is written by it", "y")
	f.Add("a\n"+strings.Repeat("# guestd begins here; what is between its two lines is written by it\nb\n", 2), "y")
	f.Add(region.Set("", "a")+"b\n"+region.Set("", "c"), "y")
	f.Fuzz(func(t *testing.T, text, lines string) {
		if strings.Contains(lines, "# guestd") {
			return
		}
		set := region.Set(text, lines)
		if got := strings.TrimSuffix(region.Get(set), "\n"); got != strings.TrimSuffix(lines, "\n") {
			t.Fatalf("%q set in %q reads back as %q", lines, text, got)
		}
		if again := region.Set(set, lines); again != set {
			t.Fatalf("the same lines made %q of %q", again, set)
		}
		none := region.Set(text, "")
		if again := region.Set(none, ""); again != none {
			t.Fatalf("without lines %q became %q, and then %q", text, none, again)
		}
	})
}

func TestSwitchOff(t *testing.T) {
	const text = "server a\n\n driftfile /x\n# server b\nserver c"
	servers := func(words []string) bool { return words[0] == "server" }
	off := region.SwitchOff(text, true, servers)
	if want := "#guestd# server a\n\n driftfile /x\n# server b\n#guestd# server c"; off != want {
		t.Errorf("got %q, want %q", off, want)
	}
	if again := region.SwitchOff(off, true, servers); again != off {
		t.Errorf("again it made %q", again)
	}
	if on := region.SwitchOff(off, false, servers); on != text {
		t.Errorf("switched on again: %q", on)
	}
}
