package osrelease

import (
	"strings"
	"testing"

	"innkeeper/agent/guest/guesttest"
)

func TestParse(t *testing.T) {
	r := Parse([]byte("# comment\nID=\"centos\"\nNAME='CentOS Stream'\nVERSION_ID=9\n ID_LIKE=\"rhel fedora\"\nPRETTY_NAME=\"a \\\"b\\\" \\n\"\nnonsense\nexport X=1\n"))
	for key, want := range map[string]string{
		"ID": "centos", "NAME": "CentOS Stream", "VERSION_ID": "9", "PRETTY_NAME": `a "b" \n`, "export X": "",
	} {
		if r[key] != want {
			t.Errorf("%s is %q, want %q", key, r[key], want)
		}
	}
	if !r.Like("fedora") || r.Like("debian") {
		t.Errorf("ID_LIKE %q is misread", r["ID_LIKE"])
	}
}

func TestReadFallsBack(t *testing.T) {
	m := guesttest.New(map[string]string{"/usr/lib/os-release": "ID=x\n"})
	r, err := Read(m)
	if err != nil || r.ID() != "x" {
		t.Errorf("got %v, %v", r, err)
	}
	if _, err := Read(guesttest.New(nil)); err == nil {
		t.Error("a missing file gave no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ID=ubuntu\nA=\"\\\n")
	f.Fuzz(func(t *testing.T, s string) {
		for key := range Parse([]byte(s)) {
			if key == "" || strings.ContainsAny(key, " \t\n=") {
				t.Fatalf("key %q", key)
			}
		}
	})
}
