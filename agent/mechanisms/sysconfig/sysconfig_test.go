package sysconfig

import (
	"strings"
	"testing"
)

func TestGet(t *testing.T) {
	text := "# HOSTNAME=no\nNETWORKING=yes\nHOSTNAME=\"a.b\" # c\nHOSTNAMES=x\nexport GATEWAY='1.2.3.4'\nEMPTY=\nX=a;b\n"
	for key, want := range map[string]string{"HOSTNAME": "a.b", "GATEWAY": "1.2.3.4", "NETWORKING": "yes", "EMPTY": "", "X": "a"} {
		if got, ok := Get(text, key); !ok || got != want {
			t.Errorf("%s is %q, %v, want %q", key, got, ok, want)
		}
	}
	if _, ok := Get(text, "NONE"); ok {
		t.Error("NONE is there")
	}
	if got, _ := Get("A=1\nA=2\n", "A"); got != "2" {
		t.Errorf("of two the last counts, got %q", got)
	}
}

func TestSet(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "HOSTNAME=x\n",
		"NETWORKING=yes":                         "NETWORKING=yes\nHOSTNAME=x\n",
		"A=1\nHOSTNAME=old # why\n\nGATEWAY=g\n": "A=1\nHOSTNAME=x\n\nGATEWAY=g\n",
		"HOSTNAME=a\nB=2\nHOSTNAME=b\n":          "HOSTNAME=x\nB=2\n",
	} {
		if got := Set(text, "HOSTNAME", "x"); got != want {
			t.Errorf("Set(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzSet(f *testing.F) {
	f.Add("A=1\nHOSTNAME='x\n")
	f.Fuzz(func(t *testing.T, text string) {
		once := Set(text, "HOSTNAME", "a.b")
		if got, ok := Get(once, "HOSTNAME"); !ok || got != "a.b" {
			t.Fatalf("%q became %q, of which HOSTNAME is %q", text, once, got)
		}
		if twice := Set(once, "HOSTNAME", "a.b"); twice != once {
			t.Fatalf("once %q, twice %q", once, twice)
		}
		if was, ok := Get(text, "OTHER"); ok {
			if is, _ := Get(once, "OTHER"); is != was && !strings.Contains(text, "HOSTNAME") {
				t.Fatalf("OTHER was %q and is %q", was, is)
			}
		}
	})
}

func TestRemoveTakesEveryAssignmentAway(t *testing.T) {
	const before = "NETWORKING=yes\nGATEWAY=192.0.2.1\n# GATEWAY=no\nexport GATEWAY='x'\nGATEWAYDEV=eth0"
	if got, want := Remove(before, "GATEWAY"), "NETWORKING=yes\n# GATEWAY=no\nGATEWAYDEV=eth0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
